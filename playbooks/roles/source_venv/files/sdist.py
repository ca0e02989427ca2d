"""Takes address and digest of the source distribution out of a pylock.toml (in $LOCK), as JSON."""

import json
import os
import sys
import tomllib


def main() -> None:
    package = tomllib.loads(os.environ["LOCK"])["packages"][0]
    sdist = package.get("sdist")
    if sdist is None:
        # over SSH a script's stderr may end up in its stdout, never the other way round
        print(f"the package index has version {package.get('version', '')} as wheels only.")
        sys.exit(1)
    print(json.dumps({"url": sdist["url"], "sha256": sdist["hashes"]["sha256"]}))


if __name__ == "__main__":
    main()
