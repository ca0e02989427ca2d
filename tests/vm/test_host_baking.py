"""What is baked on the host is what a machine would have baked, and a killed bake leaves nothing."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Program
from leftovers import Leftovers
from trees import tree

from devbox.build.disk import Layout
from devbox.build.image import load_image
from devbox.environment import Where
from devbox.hostbake import gather
from devbox.paths import Home
from devbox.store import Shelf, Store

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(bool(gather().lacks), reason=f"this host {', '.join(gather().lacks)}"),
]

KILLS = 20
_PATIENCE = 20.0
BAKE = Path(__file__).parents[1] / "baking_alone.py"

CHEAP = """
# Something to be killed in.
- hosts: cheap
  gather_facts: false
  become: true
  tasks:
    - ansible.builtin.command: dd if=/dev/urandom of=/opt/block bs=1M count=16 conv=fsync
    - ansible.builtin.command: cp -a /usr/share/doc /opt/doc
    - ansible.builtin.shell: setsid sleep 60 >/dev/null 2>&1 &
    - ansible.builtin.command: rm -rf /opt/doc
"""


SMALL = """
# A little of everything.
- hosts: small
  become: true
  handlers:
    - name: Start it again
      ansible.builtin.systemd_service: {name: sleeper, state: restarted}
  tasks:
    - name: Packages, one of them with a service
      ansible.builtin.apt: {name: [nginx-light, tree], update_cache: true}
    - name: Somebody to own files
      ansible.builtin.user: {name: worker, uid: 1500, shell: /bin/sh}
    - name: A file of theirs
      ansible.builtin.copy: {content: "hello\\n", dest: /opt/hello, owner: worker, mode: "0640"}
    - name: A unit
      ansible.builtin.copy:
        content: "[Service]\\nExecStart=/bin/sleep inf\\n[Install]\\nWantedBy=multi-user.target\\n"
        dest: /etc/systemd/system/sleeper.service
        mode: "0644"
      notify: Start it again
    - name: It is to run
      ansible.builtin.systemd_service: {name: sleeper, enabled: true, state: started, daemon_reload: true}
    - name: So is the package's
      ansible.builtin.service: {name: nginx, enabled: true, state: started}
"""

# What differs, and why; docs/architecture.md says the same.
_BY_THE_BOOT = {
    *("etc/devbox", "var/lib/systemd/linger", "var/log/README", "var/log/btmp"),
    *("var/log/lastlog", "var/log/private", "var/log/wtmp"),
}
_BY_A_SERVICE_THAT_RAN = re.compile(r"var/(lib|log)/nginx(/.*)?")
_TIMES_AND_INODES = {"var/cache/ldconfig/aux-cache"}


def project_of(folder: Path, name: str, playbook: str, way: str) -> Path:
    (folder / "playbooks").mkdir(parents=True)
    (folder / "playbooks" / f"{name}.yml").write_text(playbook)
    (folder / "devbox.yml").write_text(f"""
name: baked-{way}
network: {{cidr: 10.90.9.0/24}}
machines:
  app: {{box: debian-12, ip: 10.90.9.10, memory: 512MiB, cpus: 2, disk: 6GiB, bake: [{name}]}}
bake_in: {way}
""")
    return folder


@pytest.fixture(scope="module")
def own_home(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """With the images that all tests share, and layers of its own."""
    Program(shared_home).good("build", "debian-12")
    home = Home(tmp_path_factory.mktemp("own") / "home")
    home.root.mkdir(mode=0o700)
    home.images.symlink_to(shared_home.images.resolve())
    yield home
    Leftovers(home).remove()


def start(project: Path, home: Home) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, BAKE, project],
        env=Program(home).environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def bake(project: Path, home: Home) -> Path:
    """The layer's folder."""
    with start(project, home) as running:
        said, _ = running.communicate(timeout=1800)
    assert running.returncode == 0, said
    return Path(said.splitlines()[-1])


def loop_devices(home: Home) -> list[str]:
    """Those of the home; of one that is waiting to be freed the kernel shows nothing but '/'."""
    found = []
    for folder in Path("/sys/block").glob("loop*/loop"):
        with contextlib.suppress(OSError):
            backing = (folder / "backing_file").read_text().strip()
            ours = backing == "/" and (folder / "autoclear").read_text().strip() == "1"
            if ours or backing.startswith(str(home.root)):
                found.append(f"{folder.parent.name}: {backing}")
    return found


def remains(home: Home) -> list[str]:
    """Processes, mounts, loop devices and folders of bakes; a mount is seen by the processes that have it."""
    staged = [str(path) for path in home.staging.iterdir()] if home.staging.is_dir() else []
    return [*Leftovers(home).found(), *staged, *loop_devices(home)]


def gone(find: Callable[[], list[str]]) -> list[str]:
    """What is still there when the kernel had time to clear up."""
    deadline = time.monotonic() + _PATIENCE
    while (found := find()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into the disks")
def test_both_ways_give_the_same_layer(own_home: Home, tmp_path: Path) -> None:
    trees = {}
    for way in Where:
        project = project_of(tmp_path / way, "small", SMALL, way)
        layer = bake(project, own_home)
        image = load_image(own_home, json.loads((layer / "manifest.json").read_text())["image"])
        trees[way] = tree(layer / "disk.qcow2", Layout(image.virtual_size, image.key).root_offset, tmp_path)
        Store(own_home, Shelf.LAYERS).remove(layer.name)
    here, there = trees[Where.HOST], trees[Where.GUEST]
    assert here["opt/hello"].startswith("f 640 1500:0")
    assert "etc/systemd/system/multi-user.target.wants/sleeper.service" in here
    assert here["package tree"].endswith("install ok installed")
    only_here = {name for name in here.keys() - there.keys() if not _BY_A_SERVICE_THAT_RAN.fullmatch(name)}
    only_there = {name for name in there.keys() - here.keys() if not _BY_A_SERVICE_THAT_RAN.fullmatch(name)}
    different = {name for name in here.keys() & there.keys() if here[name] != there[name]}
    assert only_here == set()
    assert only_there <= _BY_THE_BOOT
    assert different <= _TIMES_AND_INODES


def test_kills_at_random_moments_leave_nothing_and_the_next_run_completes(
    own_home: Home, tmp_path: Path
) -> None:
    project = project_of(tmp_path / "project", "cheap", CHEAP, "host")
    began = time.monotonic()
    layer = bake(project, own_home)
    whole = time.monotonic() - began
    assert gone(lambda: remains(own_home)) == []
    Store(own_home, Shelf.LAYERS).remove(layer.name)
    moments = random.Random(os.getpid())  # noqa: S311 - no secret hangs on it
    for number in range(KILLS):
        moment = moments.uniform(0.2, 1.0) * whole
        with start(project, own_home) as running:
            time.sleep(moment)
            running.send_signal(signal.SIGKILL)
        assert gone(lambda: remains(own_home)) == [], f"kill {number} after {moment:.2f} s"
        for stored in Store(own_home, Shelf.LAYERS).stored():  # it was quicker than the kill
            Store(own_home, Shelf.LAYERS).remove(stored)
    assert bake(project, own_home) == layer
