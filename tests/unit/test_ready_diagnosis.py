"""Why a machine is not ready: consoles as they were seen, and what is said about them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.guest.diagnosis import Answer, Observations, diagnose, waiting_for
from devbox.guest.symptoms import LAST_WORDS, NEVER, SYMPTOMS, Stage
from devbox.providers import Power

RUNNING = Observations(seconds=12, power=Power.RUNNING, answer=Answer.SILENT)

PANIC = """\
[    2.104512] Failed to execute /init (error -2)
[    2.108112] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel.
[    2.112001] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-41-cloud-amd64 #1
[    2.130004] ---[ end Kernel panic - not syncing: No working init found. ]---
"""

# What the console shows, and the stage and words that must come of it.
CONSOLES = [
    (
        "Booting from Hard Disk...\nBoot failed: not a bootable disk\n",
        Stage.NO_BOOT_LOADER,
        "nothing to boot",
    ),
    (
        "error: no such partition.\nEntering rescue mode...\ngrub rescue> ",
        Stage.NO_BOOT_LOADER,
        "nothing to boot",
    ),
    ("BdsDxe: No bootable option or device was found.\n", Stage.NO_BOOT_LOADER, "nothing to boot"),
    (PANIC, Stage.PANIC, "Its kernel panicked: No working init found."),
    ("devbox-initrd: there is no root device /dev/vda3\n", Stage.NO_ROOT, "no root file system"),
    ("devbox-initrd: the root file system on /dev/vda3 cannot be mounted\n", Stage.NO_ROOT, "no root"),
    (
        (
            'VFS: Cannot open root device "vda9" or unknown-block(0,0): error -6\n'
            "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n"
        ),
        Stage.NO_ROOT,
        "no root file system",
    ),
    ("Gave up waiting for root file system device.  Common problems:\n", Stage.NO_ROOT, "no root"),
    ("ALERT!  UUID=1-2 does not exist.  Dropping to a shell!\n\n(initramfs) ", Stage.NO_ROOT, "no root"),
    (
        (
            "dracut-initqueue[301]: Warning: dracut-initqueue: timeout, still waiting\n"
            "dracut-initqueue[301]: Warning: dracut-initqueue timeout - starting timeout scripts\n"
        ),
        Stage.NO_ROOT,
        "no root",
    ),
    (
        "Kernel panic - not syncing: System is deadlocked on memory\n",
        Stage.OUT_OF_MEMORY,
        "too small to boot",
    ),
    ("Initramfs unpacking failed: write error\n", Stage.OUT_OF_MEMORY, "too small"),
    ("You are in emergency mode. After logging in, type\n", Stage.EMERGENCY, "emergency mode"),
    ("Cannot open access to console, the root account is locked.\n", Stage.EMERGENCY, "emergency"),
    ("devbox-initrd: QEMU handed over no identity\n", Stage.NO_IDENTITY, "no identity"),
    ("[FAILED] Failed to start ssh.servic…[0m - OpenBSD Secure Shell server.\n", Stage.NO_SSHD, "host key"),
    ("[FAILED] Failed to start OpenBSD Secure Shell server.\n", Stage.NO_SSHD, "does not start"),
    ("cp: write error: No space left on device\n", Stage.DISK_FULL, "disk is full"),
    ("I/O error, dev vda, sector 2048 op 0x0:(READ)\n", Stage.DISK_ERROR, "read or write its disk"),
    ("EXT4-fs error (device vda3): ext4_find_entry:1455: inode #2\n", Stage.DISK_ERROR, "its disk"),
    ("Out of memory: Killed process 311 (sshd) total-vm:15MB\n", Stage.OUT_OF_MEMORY, "ran out of memory"),
    (
        "[FAILED] Failed to start glance.service - Image API.\n",
        Stage.UNITS_FAILED,
        "This unit failed while it started: 'glance.service - Image API'.",
    ),
    (
        (
            "[FAILED] Failed to start A.\n[  OK  ] Started B.\n[FAILED] Failed to mount /data.\n"
            "[FAILED] Failed to start A.\n"
        ),
        Stage.UNITS_FAILED,
        "These units failed while it started: 'A', '/data'.",
    ),
    (
        (
            "[ ***  ] A start job is running for Network (2s / no limit)\r"
            "[  *** ] A start job is running for Network (59s / no limit)"
        ),
        Stage.SLOW_JOB,
        "It waits for 'Network' (59s / no limit).",
    ),
    ("watchdog: BUG: soft lockup - CPU#1 stuck for 22s!\n", Stage.STALLED, "stand still"),
    ("Debian GNU/Linux 12 api ttyS0\n\napi login: ", Stage.NO_NETWORK, "nothing comes through its network"),
    (
        "[  OK  ] Reached target \x1b[0;1;39mmulti-user.target - Multi-User System.\n",
        Stage.NO_NETWORK,
        "nothing",
    ),
    (
        "[    1.5] Run /init as init process\n\n",
        Stage.BOOTING,
        "last on its console: [    1.5] Run /init as init process.",
    ),
    ("", Stage.BOOTING, "nothing on its console yet"),
]


@pytest.mark.parametrize("console, stage, words", CONSOLES)
def test_consoles_are_understood(console: str, stage: Stage, words: str) -> None:
    found = diagnose(replace(RUNNING, console=console))
    assert (found.stage, words in found.sentence) == (stage, True), found


@pytest.mark.parametrize("console, stage, words", CONSOLES)
def test_colours_and_line_ends_change_nothing(console: str, stage: Stage, words: str) -> None:
    """As a serial console sends it: CR LF, and systemd's colours inside the words."""
    sent = console.replace("FAILED", "\x1b[0;1;31mFAILED\x1b[0m").replace("\n", "\r\n")
    found = diagnose(replace(RUNNING, console=f"\x1b[2J\x1b[1;1H\x1b]0;title\x07{sent}"))
    assert (found.stage, words in found.sentence) == (stage, True), found


@pytest.mark.parametrize(
    "answer, detail, stage, words",
    [
        (Answer.HOST_KEY, "", Stage.HOST_KEY, "another host key"),
        (
            Answer.KEY_REFUSED,
            "Authentication failed.\nUnprivileged users are not permitted to log in yet.",
            Stage.BOOTING,
            "lets only root log in",
        ),
        (Answer.KEY_REFUSED, "", Stage.KEY_REFUSED, "refuses devbox's key"),
        (Answer.BANNER, "timed out.", Stage.HANDSHAKE, "does not come to an end (timed out)."),
        (Answer.BANNER, "", Stage.HANDSHAKE, "does not come to an end."),
        (Answer.CLOSED, "", Stage.NO_SSHD, "no sshd listens"),
        (Answer.SILENT, "", Stage.BOOTING, "still booting"),
        (Answer.REFUSED, "", Stage.BOOTING, "still booting"),
        (Answer.UNTRIED, "", Stage.BOOTING, "still booting"),
    ],
)
def test_answers_over_ssh(answer: Answer, detail: str, stage: Stage, words: str) -> None:
    found = diagnose(replace(RUNNING, answer=answer, detail=detail))
    assert (found.stage, words in found.sentence) == (stage, True), found


@pytest.mark.parametrize(
    "last_words, advice",
    [
        ("qemu-system-x86_64: -netdev user,id=up: Could not set up host forwarding rule 'tcp:1'", "ss -ltnp"),
        (
            'qemu-system-x86_64: Failed to get "write" lock\nIs another process using the image?',
            "second QEMU",
        ),
        ("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", "less 'memory'"),
        ("Could not open backing file: Could not open '/x': No such file or directory", "is gone"),
        ("Could not access KVM kernel module: Permission denied", "acceleration"),
        ("Could not open '/x/disk.qcow2': Permission denied", "owner"),
        ("something new", "devbox up"),
    ],
)
def test_qemus_last_words_lead_to_advice(last_words: str, advice: str) -> None:
    found = diagnose(replace(RUNNING, power=Power.CRASHED, last_words=f"{last_words}\n"))
    assert found.stage is Stage.DIED
    assert last_words.splitlines()[-1] in found.sentence
    assert advice in found.advice


def test_a_death_without_words_says_so() -> None:
    assert "without a message" in diagnose(replace(RUNNING, power=Power.STOPPED)).sentence


def test_a_machine_that_qemu_paused() -> None:
    assert diagnose(replace(RUNNING, power=Power.PAUSED)).stage is Stage.PAUSED


def test_a_panic_explains_a_machine_that_is_off() -> None:
    """With panic=1 and -no-reboot QEMU ends after a panic; the panic is the reason."""
    assert diagnose(replace(RUNNING, power=Power.STOPPED, console=PANIC)).stage is Stage.PANIC


def test_a_failed_unit_does_not_hide_a_differing_host_key() -> None:
    console = "[FAILED] Failed to start x.\nNo space left on device\n"
    assert diagnose(replace(RUNNING, console=console, answer=Answer.HOST_KEY)).stage is Stage.HOST_KEY


def test_a_job_that_was_waited_for_is_over_when_more_came() -> None:
    console = "[ *** ] A start job is running for dev-vda3.device (9s / 1min)\r\n[  OK  ] Started x.\n"
    assert diagnose(replace(RUNNING, console=console)).stage is Stage.BOOTING


def test_what_can_heal_is_waited_for() -> None:
    certain = {symptom.stage for symptom in SYMPTOMS if symptom.patience == 0}
    assert certain == {
        Stage.NO_BOOT_LOADER,
        Stage.OUT_OF_MEMORY,
        Stage.NO_ROOT,
        Stage.PANIC,
        Stage.EMERGENCY,
    }
    assert diagnose(replace(RUNNING, answer=Answer.HOST_KEY)).patience == 0
    assert 0 < diagnose(replace(RUNNING, answer=Answer.KEY_REFUSED)).patience < NEVER
    assert diagnose(RUNNING).patience == NEVER


def test_the_catalogue_is_whole() -> None:
    for symptom in SYMPTOMS:
        assert symptom.sentence[0].isupper()
        assert symptom.advice.endswith(".")
        named = {name for name in symptom.pattern.groupindex if f"{{{name}}}" in symptom.sentence}
        assert set(re.findall(r"{(\w+)}", symptom.sentence)) == named
    for pattern, advice in LAST_WORDS:
        assert re.compile(pattern).groups == 0
        assert advice.endswith((".", "?"))


@given(
    console=st.text(),
    power=st.sampled_from([*Power, None]),
    answer=st.sampled_from(Answer),
    words=st.text(),
)
def test_there_is_always_a_whole_sentence(
    console: str, power: Power | None, answer: Answer, words: str
) -> None:
    found = diagnose(
        Observations(seconds=1, power=power, last_words=words, console=console, answer=answer, detail=words)
    )
    assert found.sentence[0].isupper()
    assert found.sentence.endswith((".", "!", "?"))
    assert found.advice
    assert waiting_for(found)
    assert found.sentence.isprintable()
