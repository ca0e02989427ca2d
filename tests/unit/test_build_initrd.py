"""The initial ram disk, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from devbox.build.initrd import APPLETS, Entry, Kernel, cpio, dependencies, initrd, listed, run_entries


@dataclass(frozen=True)
class Unpacked:
    mode: int
    data: bytes
    device: tuple[int, int]


def unpack(archive: bytes) -> Iterator[tuple[str, Unpacked]]:
    """A second reading of the format, from the kernel's initramfs buffer documentation."""
    place = 0
    while True:
        assert archive[place : place + 6] == b"070701"
        fields = [int(archive[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(13)]
        mode, size, device, name_size = fields[1], fields[6], (fields[9], fields[10]), fields[11]
        name = archive[place + 110 : place + 110 + name_size - 1].decode()
        start = (place + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return
        yield name, Unpacked(mode, archive[start : start + size], device)
        place = (start + size + 3) // 4 * 4


paths = st.text(alphabet="abc/", min_size=1, max_size=20)
entries = st.builds(Entry, paths, st.integers(0, 0o177777), st.binary(max_size=40))


@given(st.lists(entries, max_size=8))
def test_what_goes_in_comes_out(given_entries: list[Entry]) -> None:
    archive = cpio(given_entries)
    assert len(archive) % 512 == 0
    assert [(name, entry.mode, entry.data) for name, entry in unpack(archive)] == [
        (entry.path, entry.mode, entry.data) for entry in given_entries
    ]


def made(**parts: object) -> dict[str, Unpacked]:
    given_parts: dict[str, object] = {"busybox": b"B", "init": b"#!", "modules": (), "run": (), **parts}
    return dict(unpack(initrd(**given_parts)))  # type: ignore[arg-type]


def test_modules_are_listed_in_their_order() -> None:
    found = made(modules=[("virtio.ko", b"1"), ("virtio_pci.ko", b"2")])
    assert found["modules/order"].data == b"virtio.ko\nvirtio_pci.ko\n"
    assert found["modules/virtio_pci.ko"].data == b"2"


def test_the_kernel_finds_a_console_and_an_init_to_execute() -> None:
    found = made()
    assert found["dev/console"].device == (5, 1)
    assert found["dev/console"].mode == 0o020600
    assert found["init"].mode == 0o100755
    assert all(found[f"bin/{applet}"].data == b"busybox" for applet in APPLETS)


def test_folders_come_before_what_is_in_them() -> None:
    names = list(made(run=[Entry("run/systemd/system/a.service", 0o100644, b"x")]))
    assert names.index("run") < names.index("run/systemd") < names.index("run/systemd/system")
    assert names[-1] == "run/systemd/system/a.service"


def test_masks_and_files_below_run(tmp_path: Path) -> None:
    (tmp_path / "systemd/system").mkdir(parents=True)
    (tmp_path / "systemd/system/ssh.service").write_text("[Unit]\n")
    found = run_entries(tmp_path, "# why\n\nsystemd/system/a.timer\n")
    assert found == [
        Entry("run/systemd/system/ssh.service", 0o100644, b"[Unit]\n"),
        Entry("run/systemd/system/a.timer", 0o120777, b"/dev/null"),
    ]


def test_lists_without_their_comments() -> None:
    assert listed("# one\nacl\n\n  udev  \n") == ["acl", "udev"]


MODULES_DEP = """\
kernel/a/virtio.ko.xz: kernel/a/virtio_ring.ko.xz
kernel/a/virtio_ring.ko.xz:
kernel/a/virtio_pci.ko.xz: kernel/a/virtio-pci-legacy.ko.xz kernel/a/virtio.ko.xz kernel/a/virtio_ring.ko.xz
kernel/a/virtio-pci-legacy.ko.xz:
kernel/b/virtio_blk.ko.xz: kernel/a/virtio.ko.xz kernel/a/virtio_ring.ko.xz
"""


def test_dependencies() -> None:
    assert dependencies(MODULES_DEP)["kernel/a/virtio.ko.xz"] == ["kernel/a/virtio_ring.ko.xz"]
    assert dependencies(MODULES_DEP)["kernel/a/virtio_ring.ko.xz"] == []


def test_each_module_comes_after_those_it_needs_and_once(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(MODULES_DEP)
    order = [path.name for path in Kernel(tmp_path).load_order(["virtio_pci", "virtio_blk", "built_in"])]
    assert order == [
        "virtio_ring.ko.xz",
        "virtio.ko.xz",
        "virtio-pci-legacy.ko.xz",
        "virtio_pci.ko.xz",
        "virtio_blk.ko.xz",
    ]


def test_a_module_is_found_by_its_name_with_underscores(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(MODULES_DEP)
    (found,) = Kernel(tmp_path).load_order(["virtio_pci_legacy"])
    assert found == tmp_path / "kernel/a/virtio-pci-legacy.ko.xz"
