"""What playbooks bake is kept in layers, what they provision in the checkpoint that 'reset' takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Program

from devbox.build.disk import Layout
from devbox.build.image import load_image
from devbox.paths import Home
from devbox.store import Shelf, Store

pytestmark = pytest.mark.vm

SHELVES = (Shelf.LAYERS, Shelf.TEMPLATES)

FILES = {
    "devbox.yml": """
name: layered
network: {cidr: 10.90.4.0/24}
machines:
  app:
    {box: debian-12, ip: 10.90.4.10, memory: 512MiB, cpus: 2, disk: 4GiB, ports: [8000],
     bake: [lower, upper], provision: [serve]}
vars: {lower_word: WORD, serve_word: hello}
""",
    "playbooks/lower.yml": "# The lower layer.\n- hosts: lower\n  become: true\n  roles: [lower]\n",
    "playbooks/upper.yml": "# The upper layer.\n- hosts: upper\n  become: true\n  roles: [upper]\n",
    "playbooks/serve.yml": "# What runs.\n- hosts: serve\n  become: true\n  roles: [serve]\n",
    "playbooks/roles/unrelated/tasks/main.yml": "# nothing uses this\n",
    "playbooks/roles/lower/tasks/main.yml": """
- name: Leave a word
  ansible.builtin.copy: {content: "{{ lower_word }}\\n", dest: /opt/lower, mode: "0644"}
""",
    "playbooks/roles/upper/tasks/main.yml": """
- name: Leave what people leave
  ansible.builtin.shell: |
    echo secret >/root/.bash_history
    echo secret >/home/devbox/.bash_history
    touch /tmp/left /var/tmp/left
    cat /opt/lower >/opt/upper
  args: {creates: /opt/upper}
""",
    "playbooks/roles/serve/tasks/main.yml": """
- name: Describe the server
  ansible.builtin.copy:
    dest: /etc/systemd/system/serve.service
    content: "[Service]\\nExecStart=/usr/bin/python3 -m http.server 8000 -d /srv\\n"
    mode: "0644"
- name: Give it something to say
  ansible.builtin.copy: {content: "{{ serve_word }}", dest: /srv/index.html, mode: "0644"}
- name: Start it
  ansible.builtin.systemd_service: {name: serve, state: started, daemon_reload: true}
- name: Wait for it
  ansible.builtin.wait_for: {port: 8000}
""",
}


def write(folder: Path, word: str) -> Path:
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("WORD", word))
    return folder


@pytest.fixture(scope="module")
def project(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Baked anew in each session, provisioned and saved."""
    cli = Program(shared_home)
    shared_home.layers.mkdir(exist_ok=True)
    shared_home.templates.mkdir(exist_ok=True)
    before = {made for shelf in SHELVES for made in Store(shared_home, shelf).stored()}
    folder = write(tmp_path_factory.mktemp("layered"), f"word-{os.getpid()}")
    plan = cli.good("-C", folder, "plan")
    assert "debian-12+lower: " in plan
    assert "debian-12+lower+upper: " in plan
    cli.good("-C", folder, "up", "--yes")
    yield folder
    cli.good("-C", folder, "destroy", "--yes")
    for shelf in SHELVES:
        store = Store(shared_home, shelf)
        for made in set(store.stored()) - before:
            described = (store.root / made / "manifest.json").read_text()
            if "layered" in described or "+lower" in described:
                store.remove(made)


def answer() -> str:
    with urllib.request.urlopen("http://127.90.4.10:8000/", timeout=30) as response:
        return str(response.read().decode())


def said(cli: Program, project: Path, command: str) -> str:
    return cli.good("-C", project, "exec", "app", "--", "sh", "-c", command).strip()


def changes(cli: Program, project: Path) -> dict[str, str]:
    """What a plan would do, and why."""
    found = json.loads(cli.good("-C", project, "plan", "--json"))["changes"]
    return {change["address"].split(".")[0]: change["reason"] for change in found}


def subjects(cli: Program, project: Path, *words: str) -> list[str]:
    file = project / "events.jsonl"
    file.unlink(missing_ok=True)
    cli.good("-C", project, "--events", file, *words)
    return [json.loads(line)["subject"] for line in file.read_text().splitlines()]


def layers(home: Home) -> dict[str, Path]:
    """The folders of this session's layers by what is in them."""
    found = {}
    for file in home.layers.glob("*/manifest.json"):
        manifest = json.loads(file.read_text())
        if "lower" in manifest["label"]:
            found[manifest["playbook"]] = file.parent
    return found


def test_the_machine_stands_on_both_layers_and_serves(project: Path, cli: Program) -> None:
    assert said(cli, project, "cat /opt/upper") == f"word-{os.getpid()}"
    assert answer() == "hello"
    assert changes(cli, project) == {}


def test_reset_gives_back_what_ran_without_starting_it_again(project: Path, cli: Program) -> None:
    started = "systemctl show -P ExecMainStartTimestampMonotonic serve"
    before = said(cli, project, started)
    said(cli, project, "sudo rm -rf /srv /opt; echo dirt > dirt")
    touched = subjects(cli, project, "reset")
    assert answer() == "hello"
    assert said(cli, project, started) == before
    assert said(cli, project, "ls") == ""
    assert not [subject for subject in touched if "provisioning" in subject]


def test_another_checkout_of_the_project_runs_no_playbook(
    project: Path, cli: Program, tmp_path: Path
) -> None:
    cli.good("-C", project, "destroy", "--yes")
    other = shutil.copytree(project, tmp_path / "checkout")
    touched = set(subjects(cli, other, "up", "--yes"))
    assert touched == {"machine.app"}
    assert answer() == "hello"
    assert changes(cli, other) == {}
    cli.good("-C", other, "destroy", "--yes")
    cli.good("-C", project, "up", "--yes")


def test_only_what_changed_is_baked_again(project: Path, cli: Program, shared_home: Home) -> None:
    upper = project / "playbooks/roles/upper/tasks/main.yml"
    unrelated = project / "playbooks/roles/unrelated/tasks/main.yml"
    unrelated.write_text("# nothing uses this, as before\n")
    assert changes(cli, project) == {}
    before, lower = upper.read_text(), layers(shared_home)["lower"]
    upper.write_text(
        before + "- name: More\n  ansible.builtin.file: {path: /opt/more, state: touch, mode: '0644'}\n"
    )
    try:
        found = changes(cli, project)
        assert "roles/upper/tasks/main.yml differs" in found["layer"]
        assert "machine" in found
        done = subjects(cli, project, "up", "--yes")
        assert len({subject for subject in done if subject.startswith("layer.")}) == 1
        assert f"layer.{lower.name[:12]}" not in done
        assert said(cli, project, "ls /opt/more") == "/opt/more"
    finally:
        upper.write_text(before)
    cli.good("-C", project, "up", "--yes")


def test_base_and_baked_are_what_they_say(project: Path, cli: Program) -> None:
    cli.good("-C", project, "reset", "--to", "baked")
    assert said(cli, project, "cat /opt/upper; ls /srv") == f"word-{os.getpid()}"
    cli.good("-C", project, "reset", "--to", "base")
    assert said(cli, project, "ls /opt /srv") == "/opt:\n\n/srv:"
    cli.good("-C", project, "up", "--yes")
    assert answer() == "hello"


def test_a_layer_tells_nothing_of_who_made_it(project: Path, shared_home: Home, tmp_path: Path) -> None:
    folder = layers(shared_home)["upper"]
    image = load_image(shared_home, json.loads((folder / "manifest.json").read_text())["image"])
    offset = Layout(image.virtual_size, image.key).root_offset

    def asking(disk: Path) -> Callable[[str], str]:
        raw = tmp_path / f"{disk.parent.name}.raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", disk, raw], check=True)

        def ask(request: str) -> str:
            argv = ["/usr/sbin/debugfs", "-R", request, f"{raw}?offset={offset}"]
            return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

        return ask

    debugfs, image_says = asking(folder / "disk.qcow2"), asking(image.disk)

    def names(path: str) -> set[str]:
        listed = (line.split("/")[5] for line in debugfs(f"ls -p {path}").splitlines() if line)
        return set(listed) - {".", ".."}

    assert debugfs("cat /etc/machine-id") == ""
    assert not names("/etc") & {"hostname", "hosts", "environment"}
    assert not {name for name in names("/etc/ssh") if "host" in name}
    assert names("/home/devbox/.ssh") == set()
    assert not names("/home/devbox") & {".bash_history", ".ansible", ".cache"}
    assert not names("/root") & {".bash_history", ".ansible", ".cache"}
    assert names("/tmp") | names("/var/tmp") == set()
    assert names("/var/lib/apt/lists") <= {"partial"}
    assert names("/var/cache/apt/archives") <= {"partial", "lock"}
    assert not {name for name in names("/usr/local/share/ca-certificates") if "devbox" in name}
    assert "network" not in names("/etc/devbox")
    bundle = "cat /etc/ssl/certs/ca-certificates.crt"
    assert debugfs(bundle) == image_says(bundle)
    check = subprocess.run(["qemu-img", "check", "-q", folder / "disk.qcow2"], check=False)
    assert check.returncode == 0


def test_a_flipped_byte_in_a_layer_is_found_and_named(project: Path, cli: Program, shared_home: Home) -> None:
    disk = layers(shared_home)["lower"] / "disk.qcow2"
    content = disk.read_bytes()
    middle = len(content) // 2
    stat = disk.stat()
    disk.chmod(0o600)
    disk.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    try:
        ran = cli("-C", project, "reset", "--to", "baked")
        assert ran.status != 0
        assert str(disk.resolve()) in ran.stderr
        assert "gc --damaged" in ran.stderr
        assert answer() == "hello"  # what would have been replaced still runs
    finally:
        disk.write_bytes(content)
        disk.chmod(stat.st_mode)
    cli.good("-C", project, "reset")
    assert answer() == "hello"
