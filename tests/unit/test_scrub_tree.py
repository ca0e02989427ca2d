"""The scrubber on real folders: what goes, what its recovery file brings back, and what stops it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from made_trees import CANARIES, INNOCENT, grow, picture, word

from devbox.errors import DevboxError, Refused
from devbox.guest import keys
from devbox.scrub.decide import Change, decide
from devbox.scrub.engine import Request, scrub
from devbox.scrub.folder import FolderTarget
from devbox.scrub.keys import identities, recipients
from devbox.scrub.operations import chosen
from devbox.scrub.recovery import checked
from devbox.scrub.report import Report
from devbox.scrub.restoring import restore
from devbox.scrub.rooted import Root

OWNER = pyrage.x25519.Identity.generate()
ROOT = os.geteuid() == 0


def scrubbed(top: Path, copy: Path | None = None, *, keep: tuple[bytes, ...] = ()) -> Report:
    with Root(top) as root:
        to = recipients([str(OWNER.to_public())])
        return scrub(FolderTarget(root, "tree"), Request(chosen(), keep, copy, to))


def recovered(top: Path, copy: Path) -> list[bytes]:
    with Root(top) as root:
        return restore(copy, [OWNER], root)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    grow(top, INNOCENT | CANARIES)
    return top


def test_no_canary_survives_and_nothing_else_goes(tree: Path) -> None:
    report = scrubbed(tree)
    assert report.good, report.as_text()
    contents = b"".join(path.read_bytes() for path in tree.rglob("*") if path.is_file())
    kept = {b"/etc/iptables/rules.v4", b"/etc/shadow"}  # of operations that are off by default
    assert {path for path in CANARIES if word(path) in contents} == kept
    for path in INNOCENT.keys() - CANARIES.keys():
        assert (os.fsencode(tree) + path, INNOCENT[path]) == (
            os.fsencode(tree) + path,
            Path(os.fsdecode(os.fsencode(tree) + path)).read_bytes(),
        )


def test_scrubbing_again_finds_nothing(tree: Path) -> None:
    scrubbed(tree)
    before = picture(tree)
    assert scrubbed(tree).changes == ()
    assert picture(tree) == before


def test_a_dry_run_touches_nothing(tree: Path) -> None:
    before = picture(tree)
    with Root(tree) as root:
        report = scrub(FolderTarget(root, "tree"), Request(chosen(), dry_run=True))
    assert picture(tree) == before
    text = report.as_text(every_path=True)
    assert "remove   /home/ann/.netrc  (service-credentials)" in text
    assert "'/home/ann/odd\\nname'" in text


def test_everything_comes_back_as_it_was(tree: Path, tmp_path: Path) -> None:
    dress(tree)
    before = picture(tree)
    report = scrubbed(tree, tmp_path / "copy.age")
    assert [line for line in report.left if "same file" not in line] == []
    assert picture(tree) != before
    recovered(tree, tmp_path / "copy.age")
    assert picture(tree) == before


def test_nothing_is_in_the_recovery_file_in_plain_text(tree: Path, tmp_path: Path) -> None:
    scrubbed(tree, tmp_path / "copy.age")
    sealed = (tmp_path / "copy.age").read_bytes()
    assert stat.S_IMODE((tmp_path / "copy.age").stat().st_mode) == 0o600
    assert not [path for path in CANARIES if word(path) in sealed]
    assert list(tmp_path.glob(".*partial")) == []


def dress(tree: Path) -> None:
    """All that an inode can have, on things that go."""
    netrc = tree / "home/ann/.netrc"
    netrc.chmod(0o4751)
    os.setxattr(netrc, "user.note", b"\0\xffbinary\n")
    os.utime(netrc, ns=(1, 1_234_567_890_123_456_789))
    (tree / "tmp/sparse").write_bytes(b"")
    os.truncate(tree / "tmp/sparse", 3_000_000)
    os.mkfifo(tree / "tmp/pipe", 0o620)
    (tree / "tmp/link").symlink_to("/etc/passwd")
    (tree / "tmp/dangling").symlink_to("../../../nowhere\n")
    os.link(tree / "tmp/left.txt", tree / "tmp/second")
    os.link(tree / "tmp/deep/er/left.txt", tree / "srv/third")
    os.link(tree / "var/log/syslog", tree / "srv/log")
    os.mknod(tree / "tmp/socket", 0o640 | stat.S_IFSOCK)
    (tree / "tmp/empty").mkdir(0o1733)
    os.utime(tree / "tmp/empty", ns=(5, 7))
    if ROOT:
        os.chown(netrc, 1000, 1001)
        netrc.chmod(0o4751)
        os.setxattr(netrc, "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
        os.lchown(tree / "tmp/link", 1000, 1000)


# Names that operations know, so that what is made up hits them.
_NAMES = some.sampled_from(
    [b"tmp", b"root", b".ssh", b"id_rsa", b".aws", b"var", b"log", b"etc", b"hosts", b"a"]
)
_ODD = some.binary(min_size=1, max_size=12).filter(
    lambda name: not {0, 47} & set(name) and name not in {b".", b".."}
)
_PATHS = some.lists(_NAMES | _ODD, min_size=1, max_size=5).map(lambda names: b"/" + b"/".join(names))
_FILES = some.dictionaries(
    _PATHS,
    some.tuples(
        some.sampled_from(["file", "link", "folder", "pipe"]),
        some.binary(max_size=40) | some.sampled_from(list(CANARIES.values())),
        some.integers(0, 0o7777),
        some.integers(0, 2**62),
    ),
    max_size=25,
)


@given(files=_FILES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_tree_recovery_is_the_way_back(
    files: dict[bytes, tuple[str, bytes, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    top = folder / "tree"
    top.mkdir()
    for path, (kind, contents, mode, when) in files.items():
        make(os.fsencode(top) + path, kind, contents, mode, when)
    before = picture(top)
    first = scrubbed(top, folder / "copy.age")
    assert first.good, first.as_text()
    after = picture(top)
    assert scrubbed(top).changes == ()
    assert picture(top) == after
    if first.changes:
        recovered(top, folder / "copy.age")
    assert picture(top) == before


def make(place: bytes, kind: str, contents: bytes, mode: int, when: int) -> None:
    if os.path.realpath(os.path.dirname(place)) != os.path.dirname(place):
        return  # over a link that this tree has already
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if kind == "folder":
            os.mkdir(place)
        elif kind == "link":
            os.symlink(contents.replace(b"\0", b"") or b"x", place)
        elif kind == "pipe":
            os.mkfifo(place)
        else:
            with open(place, "xb") as writing:
                writing.write(contents)
    except (FileExistsError, NotADirectoryError):
        return  # another one of this tree stands there
    if kind != "link":
        os.chmod(place, mode if ROOT else mode | 0o700)
    os.utime(place, ns=(0, when), follow_symlinks=False)


def test_a_link_never_leads_out_of_the_tree(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    grow(outside, {b"/.aws/credentials": b"theirs", b"/x": b"theirs", b"/syslog": b"theirs"})
    top = tmp_path / "tree"
    grow(top, {b"/etc/passwd": b"eve:x:1000:1000::/home/eve:/bin/sh\ntop:x:1:1::/../outside:/x\n"})
    (top / "home").mkdir()
    (top / "home/eve").symlink_to(outside)
    (top / "tmp").symlink_to(outside)
    (top / "var").mkdir()
    (top / "var/log").symlink_to(outside)
    before = picture(outside)
    assert scrubbed(top, tmp_path / "copy.age").good
    assert picture(outside) == before


def test_recovery_does_not_write_through_a_link_that_came_since(tmp_path: Path) -> None:
    top, outside = tmp_path / "tree", tmp_path / "outside"
    outside.mkdir()
    grow(top, {b"/root/.aws/credentials": b"mine"})
    scrubbed(top, tmp_path / "copy.age")
    (top / "root/.aws").symlink_to(outside)
    with pytest.raises(DevboxError, match="is a link or no folder any more"):
        recovered(top, tmp_path / "copy.age")
    assert list(outside.iterdir()) == []


def test_upward_paths_are_refused(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        for path in (b"/../x", b"/a/../../x", b"/.."):
            with pytest.raises(OSError, match=r"upwards|last name|No such file"):
                root.read(path)


def test_a_file_that_was_written_to_since_its_copy_stays(tree: Path) -> None:
    with Root(tree) as root:
        target = FolderTarget(root, "tree")
        changes = decide(target.inventory(), chosen(["service-credentials", "logs"]))
        (tree / "home/ann/.netrc").write_bytes(b"a new password")
        (tree / "var/log/syslog").write_bytes(b"a new line")
        problems = target.apply(changes)
    assert len(problems) == 2
    assert all("was written to since" in problem for problem in problems)
    assert (tree / "home/ann/.netrc").read_bytes() == b"a new password"
    assert (tree / "var/log/syslog").read_bytes() == b"a new line"


def test_a_run_that_was_stopped_half_way_is_repeated(tree: Path, tmp_path: Path) -> None:
    before = picture(tree)

    class Killed(BaseException):
        pass

    class Stopping(FolderTarget):
        def apply(self, changes: Sequence[Change]) -> list[str]:
            super().apply(changes[: len(changes) // 2])
            raise Killed

    to = recipients([str(OWNER.to_public())])
    with Root(tree) as root, pytest.raises(Killed):
        scrub(Stopping(root, "tree"), Request(chosen(), (), tmp_path / "one.age", to))
    assert scrubbed(tree, tmp_path / "two.age").good
    recovered(tree, tmp_path / "two.age")
    recovered(tree, tmp_path / "one.age")
    assert picture(tree) == before


def test_nothing_is_removed_when_the_copy_can_not_be_written(tree: Path, tmp_path: Path) -> None:
    before = picture(tree)
    (tmp_path / "taken.age").write_bytes(b"the only copy")
    with pytest.raises(Refused, match="exists already"):
        scrubbed(tree, tmp_path / "taken.age")
    with pytest.raises(DevboxError, match="could not be written"):
        scrubbed(tree, tmp_path / "no folder" / "copy.age")
    assert picture(tree) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_stops_it_before_anything_is_removed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = picture(tree)
    (tmp_path / ".copy.age.partial").symlink_to("/dev/full")
    with pytest.raises(DevboxError, match=r"could not be written: .*; nothing was removed"):
        scrubbed(tree, tmp_path / "copy.age")
    assert not (tmp_path / "copy.age").exists()
    assert picture(tree) == before


def test_another_name_of_a_removed_secret_is_told(tmp_path: Path) -> None:
    top = tmp_path / "tree"
    grow(top, {b"/root/.netrc": b"password", b"/srv/x": b"y"})
    os.link(top / "root/.netrc", top / "srv/innocent")
    report = scrubbed(top)
    assert report.left == ("/srv/innocent is the same file as /root/.netrc, which was removed",)


def test_kept_paths_stay(tree: Path) -> None:
    report = scrubbed(tree, keep=(b"/var/log", b"/home/ann/.ssh/authorized_keys"))
    assert report.good
    assert (tree / "var/log/syslog").read_bytes() != b""
    assert (tree / "home/ann/.ssh/authorized_keys").exists()
    assert not (tree / "home/ann/.ssh/id_ed25519").exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "stranger"])
def test_a_damaged_or_foreign_recovery_file_changes_nothing(tree: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy.age"
    scrubbed(tree, copy)
    before = picture(tree)
    data = bytearray(copy.read_bytes())
    by = [pyrage.x25519.Identity.generate() if damage == "stranger" else OWNER]
    if damage == "cut":
        del data[-70_000:]
    elif damage == "flipped":
        data[-10] ^= 1
    copy.write_bytes(data)
    with Root(tree) as root, pytest.raises(DevboxError, match="nothing was changed"):
        restore(copy, by, root)
    assert picture(tree) == before


def test_the_manifest_names_every_member(tree: Path, tmp_path: Path) -> None:
    report = scrubbed(tree, tmp_path / "copy.age")
    manifest = checked(tmp_path / "copy.age", [OWNER])
    assert manifest["source"] == "tree"
    assert {change.path.lstrip(b"/") for change in report.changes} <= {
        name.encode("utf-8", "surrogateescape") for name in manifest["digests"]
    }


def test_people_use_the_ssh_keys_that_they_have(tree: Path, tmp_path: Path) -> None:
    pair = keys.ensure(tmp_path / "id_ed25519", "ann")
    copy = tmp_path / "copy.age"
    with Root(tree) as root:
        to = recipients([pair.public, str(OWNER.to_public())])
        scrub(FolderTarget(root, "tree"), Request(chosen(), (), copy, to))
    assert checked(copy, identities(tmp_path / "id_ed25519"))
    assert checked(copy, [OWNER])


def test_what_is_no_recipient_is_named_all_at_once(tmp_path: Path) -> None:
    keys.ensure(tmp_path / "private", "ann")
    (tmp_path / "empty").write_text("# nobody\n")
    words = [
        "age1nonsense",
        str(tmp_path / "private"),
        str(tmp_path / "empty"),
        "/nowhere",
        "ecdsa-sha2 AAAA",
    ]
    with pytest.raises(Refused) as raised:
        recipients(words)
    assert len(raised.value.details.splitlines()) == 5
    assert "name its public one" in raised.value.details
    with pytest.raises(Refused, match="No recipient"):
        recipients([])


def test_sockets_are_made_again(tmp_path: Path) -> None:
    top = tmp_path / "tree"
    grow(top, {b"/tmp/x": b"y"})
    os.mknod(top / "tmp/agent", 0o600 | stat.S_IFSOCK)
    scrubbed(top, tmp_path / "copy.age")
    recovered(top, tmp_path / "copy.age")
    assert stat.S_ISSOCK((top / "tmp/agent").stat().st_mode)
