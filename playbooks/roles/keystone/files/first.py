"""Makes Keystone's keys and its administrator; again it keeps the keys that there are.

Starting keystone-manage takes longer than its work, by far where the processor is emulated. So it is started
once and forked for each step. The password is in the environment, where 'bootstrap' looks for it.
"""

import os
import sys

from keystone.cmd import cli


def main() -> None:
    config, *bootstrap = sys.argv[1:]
    for step in (["fernet_setup"], ["credential_setup"], ["bootstrap", *bootstrap]):
        run([config, *step], step[0])


def run(words: list[str], name: str) -> None:
    child = os.fork()
    if not child:
        cli.main(["keystone-manage", *words])
        sys.exit()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(f"'keystone-manage {name}' ended with {status}.")


if __name__ == "__main__":
    main()
