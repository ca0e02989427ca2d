"""Takes address and digest of the source distribution out of a pylock.toml (in $LOCK), as JSON."""

import json
import os
import sys
import tomllib


def main() -> None:
    package = tomllib.loads(os.environ["LOCK"])["packages"][0]
    sdist = package.get("sdist")
    if sdist is None:
        sys.exit(f"The package index has '{package['name']}' {package.get('version', '')} as wheels only.")
    print(json.dumps({"url": sdist["url"], "sha256": sdist["hashes"]["sha256"]}))


if __name__ == "__main__":
    main()
