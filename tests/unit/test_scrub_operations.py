"""What the scrubber's operations decide, as a table: path and contents in, operation out."""

from __future__ import annotations

import pytest
from made_trees import CANARIES, INNOCENT, inventory_of

from devbox.errors import Refused
from devbox.scrub.decide import decide
from devbox.scrub.inventory import Entry, Kind
from devbox.scrub.operation import Action, Set
from devbox.scrub.operations import catalogue, chosen
from devbox.scrub.patterns import matching


def test_there_are_operations_of_every_set() -> None:
    assert {operation.set for operation in catalogue()} == set(Set)
    assert len(catalogue()) >= 45


def test_names_and_summaries_are_different() -> None:
    assert len({operation.name for operation in catalogue()}) == len(catalogue())
    assert len({operation.summary for operation in catalogue()}) == len(catalogue())


@pytest.mark.parametrize("path", sorted(CANARIES), ids=ascii)
def test_a_canary_goes(path: bytes) -> None:
    inventory = inventory_of({path: CANARIES[path]})
    gone = {change.path for change in decide(inventory, catalogue())}
    assert path in gone


def test_every_operation_has_a_canary() -> None:
    found = {change.operation.name for change in decide(inventory_of(CANARIES), catalogue())}
    alone = {
        change.operation.name
        for path, contents in CANARIES.items()
        for change in decide(inventory_of({path: contents}), catalogue())
    }
    assert {operation.name for operation in catalogue()} - (found | alone) == set()


@pytest.mark.parametrize("path", sorted(INNOCENT), ids=ascii)
def test_what_a_system_needs_stays(path: bytes) -> None:
    changes = decide(inventory_of({path: INNOCENT[path]}), catalogue())
    assert path not in {change.path for change in changes}


def test_a_folder_goes_after_what_is_in_it() -> None:
    changes = decide(inventory_of({b"/root/.aws/sso/cache/a": b"x"}), chosen())
    assert [change.path for change in changes] == [
        b"/root/.aws/sso/cache/a",
        b"/root/.aws/sso/cache",
        b"/root/.aws/sso",
        b"/root/.aws",
    ]


def test_what_is_to_be_kept_stays_with_the_folders_that_it_lies_in() -> None:
    inventory = inventory_of({b"/root/.aws/config": b"x", b"/root/.aws/credentials": b"x"})
    changes = decide(inventory, chosen(), [b"/root/.aws/config"])
    assert [change.path for change in changes] == [b"/root/.aws/credentials"]
    assert decide(inventory, chosen(), [b"root/.aws/"]) == []


def test_removing_goes_before_emptying() -> None:
    changes = decide(inventory_of({b"/var/log/syslog.1": b"x", b"/var/log/syslog": b"x"}), chosen())
    assert {change.path: change.action for change in changes} == {
        b"/var/log/syslog": Action.EMPTY,
        b"/var/log/syslog.1": Action.REMOVE,
    }


def test_homes_are_where_people_are_and_not_where_the_system_is() -> None:
    passwd = (
        b"root:x:0:0::/root:/bin/sh\nbin:x:2:2::/bin:/x\nd:x:1:1::/usr/sbin:/x\npg:x:9:9::/var/lib/pg:/x\n"
    )
    inventory = inventory_of(
        {
            b"/etc/passwd": passwd,
            b"/bin/a": b"",
            b"/usr/sbin/a": b"",
            b"/var/lib/pg/a": b"",
            b"/home/ann/a": b"",
        }
    )
    assert inventory.homes == (b"/home/ann", b"/var/lib/pg")


def test_a_home_that_is_a_link_is_no_home() -> None:
    inventory = inventory_of({b"/etc/passwd": b"eve:x:1000:1000::/home/eve:/bin/sh\n"})
    inventory.entries[b"/home"] = Entry(b"/home", Kind.FOLDER)
    inventory.entries[b"/home/eve"] = Entry(b"/home/eve", Kind.LINK)
    assert inventory.homes == ()


def test_names_sets_and_what_to_leave_out() -> None:
    assert [one.name for one in chosen(["logs", "host-keys"])] == ["host-keys", "logs"]
    assert {one.set for one in chosen(["credentials"])} == {Set.CREDENTIALS}
    assert "logs" not in {one.name for one in chosen(["-logs"])}
    assert {one.name for one in chosen(["all"])} == {one.name for one in catalogue()}
    assert all(one.default for one in chosen())
    with pytest.raises(Refused, match="'loggs', '-cachez'"):
        chosen(["loggs", "logs", "-cachez"])


def test_patterns() -> None:
    homes = (b"/root", b"/home/a.b")
    wanted = matching(["~/.{bash,zsh}_history", "/etc/**.bak", "/a/?[0-9]"], homes).fullmatch
    for path in (b"/root/.bash_history", b"/home/a.b/.zsh_history", b"/etc/x/y\n.bak", b"/a/b7"):
        assert wanted(path)
    for path in (b"/home/aXb/.bash_history", b"/root/x/.bash_history", b"/etc/x.bak/y", b"/a/b/7", b"/a/bb"):
        assert not wanted(path)
    assert not matching(["~/x"], ()).fullmatch(b"/x")


def test_large_files_with_a_key_are_not_removed() -> None:
    big = Entry(b"/srv/database", Kind.FILE, 1 << 30, frozenset({"private-key"}), (1, 1, 1, 1))
    inventory = inventory_of({})
    inventory.entries[big.path] = big
    assert decide(inventory, chosen()) == []
