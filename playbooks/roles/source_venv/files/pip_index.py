"""Tells uv, as JSON of its environment variables, the package index that pip is configured to use."""

import configparser
import json
import os
from pathlib import Path

FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")  # weakest first, as pip reads them


def main() -> None:
    config = configparser.RawConfigParser()
    config.read([Path(file).expanduser() for file in FILES])
    settings = dict(config["global"]) if config.has_section("global") else {}
    index = os.environ.get("PIP_INDEX_URL", settings.get("index-url", ""))
    further = os.environ.get("PIP_EXTRA_INDEX_URL", settings.get("extra-index-url", ""))
    found = {"UV_DEFAULT_INDEX": index, "UV_INDEX": " ".join(further.split())}
    if further:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # all indexes are equal, as they are to pip
    print(json.dumps({name: value for name, value in found.items() if value}))


if __name__ == "__main__":
    main()
