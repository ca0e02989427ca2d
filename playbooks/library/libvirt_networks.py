"""Ansible module: moves libvirt's own networks out of the one that the machine is in."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.libvirt_networks import (
    Unreadable,
    bridge_and_networks,
    clashing,
    free,
    moved,
    routes,
)

DOCUMENTATION = r"""
module: libvirt_networks
short_description: Move libvirt's own networks out of the one that the machine is in
description:
  - Compares the networks that libvirt's definitions describe with the routes of the machine.
  - One that the machine reaches by another device than the network's own bridge gets addresses of a free
    network of the same size; everything else in its file stays as it is.
  - In check mode it says what it would do. libvirt has to be told afterwards.
options:
  path: {description: The folder of the definitions., type: path, default: /etc/libvirt/qemu/networks}
  routes: {description: The kernel's table of routes., type: path, default: /proc/net/route}
"""

EXAMPLES = r"""
- name: Move libvirt's networks out of the way
  libvirt_networks:
  register: networks
"""

RETURN = r"""
clashes:
  description: For each network that clashes its name, file, network, device and the network it gets.
  type: list
  returned: success
"""


def main() -> None:
    """Look, choose, write."""
    arguments = {
        "path": {"type": "path", "default": "/etc/libvirt/qemu/networks"},
        "routes": {"type": "path", "default": "/proc/net/route"},
    }
    module = AnsibleModule(arguments, supports_check_mode=True)
    table = Path(module.params["routes"])
    known = routes(table.read_text()) if table.is_file() else []
    files = sorted(Path(module.params["path"]).glob("*.xml"))
    texts = {file: file.read_text(encoding="utf-8", errors="surrogateescape") for file in files}
    taken = [network for _, network in known]
    for file, text in texts.items():
        try:
            taken += bridge_and_networks(text)[1]
        except (Unreadable, ValueError) as error:
            module.fail_json(msg=f"'{file}' can't be read: {error}.")
    clashes, diffs = [], []
    for file, text in texts.items():
        after = text
        for old, device in clashing(text, known):
            if str(old) in (clash["network"] for clash in clashes if clash["file"] == str(file)):
                continue
            try:
                new = free(old, taken)
            except Unreadable as error:
                module.fail_json(msg=f"'{file}' can't be mended: {error}.")
            taken.append(new)
            after = moved(after, old, new)
            clashes.append(_clash(file, str(old), device, str(new)))
        if after != text:
            diffs.append(
                {"before": text, "after": after, "before_header": str(file), "after_header": str(file)}
            )
            if not module.check_mode:
                _write(module, file, after)
    module.exit_json(changed=bool(diffs), clashes=clashes, diff=diffs)


def _clash(file: Path, network: str, device: str, becomes: str) -> dict[str, Any]:
    return {"name": file.stem, "file": str(file), "network": network, "device": device, "becomes": becomes}


def _write(module: AnsibleModule, file: Path, text: str) -> None:
    descriptor, staged = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "wb") as new:
        new.write(text.encode("utf-8", "surrogateescape"))
    module.atomic_move(staged, str(file))


if __name__ == "__main__":
    main()
