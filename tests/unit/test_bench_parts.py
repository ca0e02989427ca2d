"""What measurements are made of: generated projects, boots by hand, and what the host tells."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bench import rows
from bench.by_hand import ssh_words
from bench.clones import names, project_text, pss
from bench.facts import libvirt_version, processor, qemu_version
from bench.host import GLANCE, PROJECTS, Failed
from bench.provisioned import tasks
from bench.stock import options, seed_disk, user_data
from devbox.host import Kind
from devbox.paths import shipped
from devbox.reading.boxes import load_boxes
from devbox.reading.known import HostLimits
from devbox.reading.parsing import load_environment
from devbox.units import Size


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(rows.__path__)])
def test_every_row_can_be_loaded_and_measured(name: str) -> None:
    assert callable(importlib.import_module(f"bench.rows.{name}").measure)


@pytest.mark.parametrize("count", [1, 4, 8, 16])
def test_a_project_of_clones_is_one_that_devbox_reads(count: int, tmp_path: Path) -> None:
    file = tmp_path / "devbox.yml"
    file.write_text(project_text(count))
    limits = HostLimits(memory=Size(2**40), cpus=64, low_ports_allowed=True)
    read = load_environment(file, boxes=load_boxes([shipped("boxes")]), playbooks=[], limits=limits)
    assert [machine.name for machine in read.machines] == names(count)
    assert len({machine.ip for machine in read.machines}) == count
    assert len({(one.cpus, one.memory, one.disk, one.box) for one in read.machines}) == 1, "one template"


def test_no_two_projects_that_run_together_have_the_same_network(tmp_path: Path) -> None:
    written = [
        yaml.safe_load((folder / "devbox.yml").read_text()) for folder in [*PROJECTS.iterdir(), GLANCE]
    ]
    written.append(yaml.safe_load(project_text(1)))
    networks = [project["network"]["cidr"] for project in written]
    assert len(set(networks)) == len(networks)


def test_pss_is_the_line_of_the_whole() -> None:
    assert pss("00400000-7fff r--p\nRss: 9000 kB\nPss:      2048 kB\nPss_Dirty:  512 kB\n") == 2.0
    with pytest.raises(Failed):
        pss("Rss: 9000 kB\n")


EVENTS = """\
{"event": "started", "subject": "machine.api", "text": "create"}
{"event": "finished", "subject": "machine.api", "text": "create", "seconds": 1.2}
"""


def test_making_machines_is_no_task() -> None:
    assert tasks(EVENTS) == []


def test_tasks_are_found_in_events() -> None:
    task = '{"event": "progress", "subject": "machine.api", "task": "A file"}\n'
    run = '{"event": "started", "subject": "provisioning.glance-dev", "text": "create"}\n'
    assert tasks(EVENTS + task + run) == ["A file", "provisioning.glance-dev"]


def test_the_seed_tells_cloud_init_both_keys() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
    text = user_data(key, "ssh-ed25519 HOST\n", "ssh-ed25519 USER\n")
    assert text.startswith("#cloud-config\n")
    assert yaml.safe_load(text) == {
        "users": [{"name": "devbox", "ssh_authorized_keys": ["ssh-ed25519 USER"]}],
        "ssh_keys": {"ed25519_private": key, "ed25519_public": "ssh-ed25519 HOST"},
    }


@pytest.mark.integration
def test_the_seed_is_a_disk_that_cloud_init_looks_for(tmp_path: Path) -> None:
    disk = seed_disk(tmp_path, "private", "public", "user")
    listed = subprocess.run(["mdir", "-i", disk, "-b", "::"], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == ["::/meta-data", "::/user-data"]
    label = subprocess.run(["mlabel", "-i", disk, "-s", "::"], check=True, capture_output=True, text=True)
    assert "CIDATA" in label.stdout


@pytest.mark.parametrize(
    "kind, words", [(Kind.TCG, "-accel tcg -cpu Nehalem"), (Kind.KVM, "-accel kvm -cpu host")]
)
def test_a_stock_boot_uses_the_accelerator_that_devbox_uses(kind: Kind, words: str) -> None:
    found = options(kind, "Nehalem", Path("/seed.img"), ("127.0.0.1", 2200))
    assert " ".join(found).startswith(words)
    assert "-kernel" not in found


def test_ssh_goes_only_to_the_machine_whose_key_is_known() -> None:
    words = ssh_words(Path("/key"), Path("/known"), "stock", ("127.0.0.1", 2200))
    assert words[0] == "ssh"
    assert words[-1] == "devbox@127.0.0.1"
    assert {"StrictHostKeyChecking=yes", "UserKnownHostsFile=/known", "HostKeyAlias=stock"} <= set(words)


def test_what_the_host_tells_is_read() -> None:
    assert (
        processor("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel name\t: x\n") == "Some CPU @ 2.0GHz"
    )
    assert processor("processor: 0\n") == "unknown"
    assert qemu_version("QEMU emulator version 7.2.15 (Debian 1:7.2)\nCopyright\n") == "7.2.15"
    assert qemu_version("nothing") == "unknown"
    assert libvirt_version(9_000_000) == "9.0.0"
    assert libvirt_version(11_003_002) == "11.3.2"
