"""What libvirt and QEMU say, as sentences."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from devbox.host import lowest_port
from devbox.providers.libvirt import failures

NAME = "api.try.devbox"
SAID = (
    "internal error: process exited while connecting to monitor: 2026-11-22T08:17:26.563904Z "
    "qemu-system-x86_64: -netdev user,id=uplink: Could not set up host forwarding rule "
    "'tcp:127.77.0.10:{port}-10.0.2.15:22'"
)
LOG = """\
2026-11-22 08:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.22, kernel: 6.1
LC_ALL=C \\
/usr/bin/qemu-system-x86_64 \\
-name guest=api \\
-msg timestamp=on
2026-11-22T08:00:01.000000Z qemu-system-x86_64: of the run before
2026-11-22 08:00:02.000+0000: shutting down, reason=failed
2026-11-22 08:17:26.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2.22, kernel: 6.1
LC_ALL=C \\
-msg timestamp=on
2026-11-22 08:17:26.324+0000: Domain id=3 is tainted: custom-argv
char device redirected to /dev/pts/0 (label charserial0)
2026-11-22T08:17:27.000000Z qemu-system-x86_64: terminating on signal 15 from pid 6565 (libvirtd)
2026-11-22T08:17:28.000000Z qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory
2026-11-22 08:17:29.000+0000: shutting down, reason=failed
"""


def nobody(address: IPv4Address, port: int) -> str:
    assert (address, port) >= (IPv4Address("127.77.0.10"), 0)
    return ""


def test_a_port_that_another_machine_has_is_named_with_it() -> None:
    error = failures.not_started(NAME, SAID.format(port=2222), lambda address, port: f"m{address}-{port}")
    assert error.message == (
        f"The machine '{NAME}' could not be started: port 2222 of 127.77.0.10 is in use"
        " by the machine 'm127.77.0.10-2222'."
    )
    assert error.details.startswith("-netdev user")


def test_a_port_without_a_known_holder_is_named() -> None:
    error = failures.port_refused(NAME, IPv4Address("127.77.0.10"), 60000, taken_by="")
    assert "in use by another program" in error.message
    assert "Stop that program" in error.advice


def test_a_port_below_all_that_we_may_have_is_not_called_taken() -> None:
    if lowest_port() < 1:
        pytest.skip("this host lets everybody have every port")
    error = failures.port_refused(NAME, IPv4Address("127.77.0.10"), 0, taken_by="")
    assert "privileged" in error.message
    assert "8000:0" in error.advice


@pytest.mark.parametrize(
    "said, advised",
    [
        ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "less memory"),
        ('Failed to get "write" lock', "Another process uses its disk"),
        ("Could not open '/d': No such file or directory", "'devbox up' replaces it"),
        ("Could not open '/d': Permission denied", "who owns the file"),
        ("domain 'x' already exists with uuid 1234", "another devbox home"),
        ("write failed: No space left on device", "devbox gc"),
        ("something that nobody foresaw", ""),
    ],
)
def test_the_advice_fits_the_words_and_the_words_are_shown(said: str, advised: str) -> None:
    error = failures.not_started(NAME, said, nobody)
    assert error.message == f"The machine '{NAME}' could not be started."
    assert error.details == said
    assert advised in error.advice
    assert bool(advised) == bool(error.advice)


def test_last_words_are_those_of_the_last_run_without_its_command_line() -> None:
    assert failures.last_words(LOG).splitlines() == [
        "cannot set up guest memory 'pc.ram': Cannot allocate memory",
        "2026-11-22 08:17:29.000+0000: shutting down, reason=failed",
    ]


def test_an_empty_log_has_no_last_words() -> None:
    assert failures.last_words("") == ""


@pytest.mark.parametrize(
    "home, owner", [(Path("/other"), "the devbox home '/other'"), (None, "something else than devbox")]
)
def test_whose_machine_it_is_is_said(home: Path | None, owner: str) -> None:
    error = failures.not_ours(NAME, home)
    assert NAME in error.message
    assert owner in error.message
