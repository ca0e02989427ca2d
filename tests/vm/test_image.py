"""Images as they are built, and how they boot: directly with an identity, elsewhere through firmware."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from devbox.build import Image, obtain_image
from devbox.build.disk import Layout
from devbox.errors import DevboxError
from devbox.events import silent
from devbox.guest.identity import FW_CFG, Identity, identity_archive
from devbox.paths import Home, shipped
from devbox.reading.boxes import load_boxes

pytestmark = pytest.mark.vm

PATIENCE = 900  # seconds; a machine that is emulated on a busy host takes its time
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")
FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")


def built(box: str, home: Home) -> Image:
    return obtain_image(load_boxes([shipped("boxes")])[box], home, silent)


@pytest.fixture(scope="module")
def image(shared_home: Home) -> Image:
    return built("debian-12", shared_home)


@dataclass(frozen=True)
class Keys:
    host: Path
    user: Path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("host", "user"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
    return Keys(folder / "host", folder / "user")


@dataclass(frozen=True)
class Machine:
    """A QEMU started by hand, and the way into it."""

    process: subprocess.Popen[bytes]
    console: Path
    monitor: Path
    port: int
    keys: Keys

    def ssh(self, command: str) -> subprocess.CompletedProcess[str]:
        known = self.console.with_name("known_hosts")
        options = [f"UserKnownHostsFile={known}", "BatchMode=yes", "ConnectTimeout=60", "IdentitiesOnly=yes"]
        words = ["ssh", "-i", str(self.keys.user), "-p", str(self.port)]
        words += [word for option in options for word in ("-o", option)]
        return subprocess.run(
            [*words, "devbox@127.0.0.1", command], capture_output=True, text=True, timeout=300, check=False
        )

    def says(self, command: str) -> str:
        done = self.ssh(command)
        assert done.returncode == 0, done.stderr + self.tail()
        return done.stdout.strip()

    def wait_ssh(self) -> None:
        end = time.monotonic() + PATIENCE
        while self.ssh("true").returncode != 0:
            assert self.process.poll() is None, self.tail()
            assert time.monotonic() < end, self.tail()
            time.sleep(1)

    def wait_console(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self.console.read_text(errors="replace"):
            assert self.process.poll() is None, self.tail()
            assert time.monotonic() < end, self.tail()
            time.sleep(1)

    def press_power(self) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            prompted(monitor)
            monitor.sendall(b"system_powerdown\n")
            prompted(monitor)  # hanging up before would lose the command

    def tail(self) -> str:
        return self.console.read_text(errors="replace")[-4000:]


@contextlib.contextmanager
def booted(image: Image, folder: Path, keys: Keys, options: list[str]) -> Iterator[Machine]:
    overlay, console, monitor = folder / "overlay.qcow2", folder / "console.log", folder / "monitor"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image.disk)]
    subprocess.run([*create, str(overlay), "8G"], check=True)
    console.touch()
    port = free_port()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {keys.host.with_suffix('.pub').read_text()}")
    words = ["qemu-system-x86_64", "-M", "q35,accel=tcg", "-cpu", "Nehalem", "-smp", "2", "-m", "1024"]
    words += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{console}"]
    words += ["-monitor", f"unix:{monitor},server,nowait"]
    words += ["-drive", f"file={overlay},if=virtio,format=qcow2,cache=unsafe"]
    words += ["-netdev", f"user,id=up,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-:22"]
    words += ["-device", f"virtio-net-pci,netdev=up,mac={MACS[0]}"]
    with subprocess.Popen([*words, *options], stdin=subprocess.DEVNULL) as process:
        try:
            yield Machine(process, console, monitor, port, keys)
        finally:
            process.kill()


def prompted(monitor: socket.socket) -> None:
    """Read up to the monitor's next prompt."""
    heard = b""
    while not heard.endswith(b"(qemu) "):
        heard += monitor.recv(4096) or pytest.fail("QEMU hung up its monitor")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def identity(keys: Keys) -> Identity:
    ip = IPv4Address("10.77.0.10")
    return Identity(
        name="api",
        domain="image-test.devbox",
        machines={"api": ip, "db": IPv4Address("10.77.0.11")},
        ip=ip,
        prefix=24,
        uplink_mac=MACS[0],
        segment_mac=MACS[1],
        uplink=IPv4Network("10.0.2.0/24"),
        host_key=keys.host.read_text(),
        host_key_public=keys.host.with_suffix(".pub").read_text(),
        authorized_keys=(keys.user.with_suffix(".pub").read_text(),),
        machine_id="0123456789abcdef0123456789abcdef",
    )


def direct(image: Image, folder: Path, keys: Keys) -> list[str]:
    archive = folder / "identity.tar"
    archive.write_bytes(identity_archive(identity(keys)))
    options = ["-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", image.cmdline]
    options += ["-fw_cfg", f"name={FW_CFG},file={archive}"]
    return [
        *options,
        "-netdev",
        "hubport,id=seg,hubid=0",
        "-device",
        f"virtio-net-pci,netdev=seg,mac={MACS[1]}",
    ]


def seed(folder: Path, keys: Keys) -> list[str]:
    """A NoCloud disk as others would hand it to cloud-init."""
    disk, meta, user = folder / "seed.img", folder / "meta-data", folder / "user-data"
    meta.write_text("instance-id: elsewhere\nlocal-hostname: elsewhere\n")
    private = "".join(f"    {line}\n" for line in keys.host.read_text().splitlines())
    users = {"name": "devbox", "ssh_authorized_keys": [keys.user.with_suffix(".pub").read_text().strip()]}
    public = keys.host.with_suffix(".pub").read_text().strip()
    user.write_text(
        f"#cloud-config\nusers: {json.dumps([users])}\nssh_keys:\n"
        f"  ed25519_private: |\n{private}  ed25519_public: {public}\n"
    )
    with disk.open("wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["mformat", "-i", disk, "-v", "CIDATA", "::"], check=True)
    subprocess.run(["mcopy", "-i", disk, meta, user, "::"], check=True)
    return ["-drive", f"file={disk},if=virtio,format=raw,readonly=on"]


def test_the_manifest_tells_the_truth(image: Image) -> None:
    for name, described in image.manifest["files"].items():
        content = (image.folder / name).read_bytes()
        assert described == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    packages = image.manifest["packages"]
    assert {"openssh-server:amd64", "cloud-init:all", "python3:amd64"} <= set(packages)
    assert image.manifest["inputs"]["release"] == "bookworm"
    info = subprocess.run(
        ["qemu-img", "info", "--output=json", image.disk], check=True, capture_output=True, text=True
    )
    assert json.loads(info.stdout)["virtual-size"] == image.virtual_size
    assert sorted(file.name for file in image.folder.iterdir()) == [
        "disk.qcow2",
        "initrd",
        "manifest.json",
        "seal.json",
        "vmlinuz",
    ]


@pytest.fixture(scope="module")
def raw(image: Image, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The root file system as debugfs takes it."""
    disk = tmp_path_factory.mktemp("raw") / "disk.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image.disk, disk], check=True)
    return f"{disk}?offset={Layout(image.virtual_size, image.key).root_offset}"


def debugfs(raw: str, request: str) -> str:
    done = subprocess.run(
        ["/usr/sbin/debugfs", "-R", request, raw], capture_output=True, text=True, check=True
    )
    return done.stdout


def names(raw: str, folder: str) -> set[str]:
    listed = (line.split("/")[5] for line in debugfs(raw, f"ls -p {folder}").splitlines() if line)
    return set(listed) - {".", ".."}


def test_nothing_is_shared_that_should_be_a_machines_own(raw: str) -> None:
    assert names(raw, "/etc/ssh") == {"moduli", "ssh_config", "ssh_config.d", "sshd_config", "sshd_config.d"}
    assert debugfs(raw, "cat /etc/machine-id") == ""
    assert names(raw, "/home/devbox/.ssh") == set()
    assert "random-seed" not in names(raw, "/var/lib/systemd")
    assert names(raw, "/var/lib/cloud") == set()
    passwords = {line.split(":")[1] for line in debugfs(raw, "cat /etc/shadow").splitlines()}
    assert passwords <= {"*", "!", "!*"}


def test_no_left_overs_of_the_build(raw: str) -> None:
    assert names(raw, "/var/lib/apt/lists") == {"partial"}
    assert names(raw, "/var/cache/apt/archives") == {"partial"}
    assert names(raw, "/tmp") | names(raw, "/var/tmp") | names(raw, "/var/log") == set()
    assert "99mmdebstrap" not in names(raw, "/etc/apt/apt.conf.d") | names(raw, "/etc/dpkg/dpkg.cfg.d")


@pytest.mark.parametrize("box", ["debian-12", "debian-13"])
def test_a_machine_of_ours(box: str, shared_home: Home, keys: Keys, tmp_path: Path) -> None:
    image = built(box, shared_home)
    with booted(image, tmp_path, keys, direct(image, tmp_path, keys)) as machine:
        machine.wait_ssh()
        assert machine.says("hostname --fqdn") == "api.image-test.devbox"
        assert machine.says("cat /etc/machine-id") == "0123456789abcdef0123456789abcdef"
        addresses = machine.says("ip -4 -brief address")
        assert "10.0.2.15/24" in addresses
        assert "10.77.0.10/24" in addresses
        assert machine.says("getent hosts db").split()[0] == "10.77.0.11"
        assert machine.says("sudo -n id -u") == "0"
        state = machine.ssh("systemctl is-system-running --wait; systemctl --failed --plain --no-legend")
        assert state.stdout.strip() == "running"
        assert int(machine.says("df --output=size --block-size=1M / | tail -n 1")) > 7000
        assert machine.ssh("test -e /run/cloud-init/result.json").returncode != 0
        assert machine.ssh("sudo -n sshd -T | grep -i 'passwordauthentication yes'").returncode != 0
        assert "cycle" not in machine.console.read_text(errors="replace")  # systemd drops units to break one
        assert machine.says("ls /etc/ssh | grep 'key$'") == "ssh_host_ed25519_key"
        machine.press_power()
        assert machine.process.wait(PATIENCE) == 0
        assert "Power down" in machine.tail()


def test_without_an_identity_it_says_so(image: Image, keys: Keys, tmp_path: Path) -> None:
    options = direct(image, tmp_path, keys)
    at = options.index("-fw_cfg")
    with booted(image, tmp_path, keys, options[:at] + options[at + 2 :]) as machine:
        machine.wait_console("there is no identity")


def test_without_a_root_device_it_says_so_and_stops(image: Image, keys: Keys, tmp_path: Path) -> None:
    options = direct(image, tmp_path, keys)
    options[options.index("-append") + 1] = image.cmdline.replace("/dev/vda3", "/dev/vda9")
    with booted(image, tmp_path, keys, options) as machine:
        machine.wait_console("there is no root device '/dev/vda9'")
        assert machine.process.wait(PATIENCE) == 0


def test_bios_with_cloud_init(image: Image, keys: Keys, tmp_path: Path) -> None:
    with booted(image, tmp_path, keys, seed(tmp_path, keys)) as machine:
        machine.wait_ssh()
        assert machine.says("hostname") == "elsewhere"
        assert machine.says("sudo -n id -u") == "0"
        assert machine.says("test -d /sys/firmware/efi || echo bios") == "bios"


@pytest.mark.skipif(not FIRMWARE.exists(), reason="needs the package ovmf")
def test_uefi(image: Image, keys: Keys, tmp_path: Path) -> None:
    variables = tmp_path / "variables.fd"
    variables.write_bytes(VARIABLES.read_bytes())
    flash = ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}"]
    flash += ["-drive", f"if=pflash,format=raw,file={variables}"]
    with booted(image, tmp_path, keys, flash) as machine:
        machine.wait_console("Reached target")
        assert "efi: EFI v" in machine.console.read_text(errors="replace")


def test_a_build_that_fails_says_why_and_leaves_nothing(shared_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "broken.yml"
    box = (shipped("boxes") / "debian-12.yml").read_text()
    file.write_text(box.replace("packages: []", "packages: [no-such-package]"))
    before = set(shared_home.images.iterdir())
    with pytest.raises(DevboxError) as caught:
        obtain_image(load_boxes([tmp_path])["broken"], shared_home, silent)
    assert "'broken'" in caught.value.message
    assert "no-such-package" in caught.value.details
    assert str(file) in caught.value.advice
    assert set(shared_home.images.iterdir()) == before
    assert list(shared_home.staging.iterdir()) == []
    assert str(shared_home.root) not in Path("/proc/mounts").read_text()
