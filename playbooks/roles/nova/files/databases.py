"""Brings Nova's databases to the schema of its source: API, cell0 and cell1.

Starting nova-manage takes longer than its work, by far where the processor is emulated. So it is started
once and forked for each step.
"""

import os
import sys

from nova.cmd import manage  # reads --config-dir from sys.argv

EXISTS = 2  # what 'create_cell' ends with when there is a cell of these addresses


def main() -> None:
    config, cell0 = sys.argv[1:]
    run(config, "api_db", "sync")
    run(config, "cell_v2", "map_cell0", "--database_connection", cell0)
    run(config, "db", "sync")
    run(config, "cell_v2", "create_cell", "--name", "cell1", good=(0, EXISTS))


def run(config: str, *words: str, good: tuple[int, ...] = (0,)) -> None:
    child = os.fork()
    if not child:
        sys.argv = ["nova-manage", config, *words]
        sys.exit(manage.main())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in good:
        sys.exit(f"'nova-manage {' '.join(words)}' ended with {status}.")


if __name__ == "__main__":
    main()
