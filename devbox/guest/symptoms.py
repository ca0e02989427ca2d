"""The catalogue of what a console shows when a machine does not come up, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

NEVER = float("inf")


class Stage(StrEnum):
    """How far a machine came, or what stopped it."""

    DIED = "died"
    PAUSED = "paused"
    NO_BOOT_LOADER = "no boot loader"
    NO_ROOT = "no root device"
    PANIC = "kernel panic"
    NO_IDENTITY = "no identity"
    EMERGENCY = "emergency mode"
    OUT_OF_MEMORY = "out of memory"
    DISK_FULL = "disk full"
    DISK_ERROR = "disk error"
    UNITS_FAILED = "units failed"
    SLOW_JOB = "slow job"
    STALLED = "stalled"
    HOST_KEY = "host key differs"
    KEY_REFUSED = "key refused"
    NO_SSHD = "no sshd"
    NO_NETWORK = "no network"
    HANDSHAKE = "handshake"
    BOOTING = "booting"


@dataclass(frozen=True)
class Symptom:
    """One pattern on the console.

    ``sentence`` may name the pattern's groups; ``patience`` is how many seconds after it was first
    seen a machine may still become ready: 0 gives up at once, NEVER only explains a time-out.
    """

    stage: Stage
    pattern: re.Pattern[str]
    sentence: str
    advice: str
    patience: float = 0.0


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.MULTILINE)


_REBUILD = "Build the image anew with 'devbox build', then 'devbox up'."
_LOOK = "Look at it with 'devbox console'."
_MORE_MEMORY = "Give it more 'memory' in devbox.yml and run 'devbox up'."

# In the order in which they count: a panic for want of a root device is first of all the latter.
SYMPTOMS = (
    Symptom(
        Stage.NO_BOOT_LOADER,
        _pattern(
            r"No bootable device", r"not a bootable disk", r"^grub rescue>", r"BdsDxe: No bootable option"
        ),
        "The firmware found nothing to boot on its disk.",
        _REBUILD,
    ),
    Symptom(
        Stage.OUT_OF_MEMORY,
        _pattern(
            r"not syncing: (?:System is deadlocked on memory|Out of memory)",
            r"Initramfs unpacking failed: write error",
        ),
        "Its memory is too small to boot.",
        _MORE_MEMORY,
    ),
    Symptom(
        Stage.NO_ROOT,
        _pattern(
            r"devbox-initrd: there is no root device (?P<device>\S+)",
            r"devbox-initrd: the root file system on \S+ cannot be mounted",
            r"VFS: Cannot open root device",
            r"VFS: Unable to mount root fs",
            r"Gave up waiting for root (?:file system )?device",
            r"ALERT! +\S+ does not exist\. +Dropping to a shell",
            r"^\(initramfs\)",
            r"dracut-initqueue.*[Tt]imeout.*starting timeout scripts",
            r"^dracut:/#",
        ),
        "The kernel found no root file system.",
        f"The image and its kernel do not fit together, or the disk is damaged. {_REBUILD}",
    ),
    Symptom(
        Stage.PANIC,
        _pattern(r"Kernel panic - not syncing: (?P<what>.*)", r"end Kernel panic"),
        "Its kernel panicked: {what}",
        "Run 'devbox up' again; if it happens twice, try another box or another 'cpus' and 'memory'.",
    ),
    Symptom(
        Stage.EMERGENCY,
        _pattern(
            r"You are in (?:emergency|rescue) mode",
            r"Welcome to (?:emergency|rescue) mode",
            r"Entering emergency mode",
            r"Cannot open access to console, the root account is locked",
            r"Press Enter for maintenance",
        ),
        "Its system went into emergency mode; most often a file system could not be mounted.",
        f"{_LOOK} 'devbox reset' brings back the state before.",
    ),
    Symptom(
        Stage.NO_IDENTITY,
        _pattern(
            r"devbox-initrd: .*\bno identity\b.*",
            r"Failed to start devbox-identity",
            r"devbox-identity\.service: Failed",
        ),
        "It was given no identity, so it has neither its address nor its host key.",
        "QEMU's fw_cfg entry is missing or unreadable; 'devbox destroy' and 'devbox up' make it anew.",
        patience=5,
    ),
    Symptom(
        Stage.NO_SSHD,
        _pattern(r"\[FAILED\] Failed to start (?:sshd?\.servic|OpenBSD Secure Shell|OpenSSH)"),
        "Its sshd does not start; it can't without the host key that belongs to the machine's identity.",
        "See why with 'devbox console'; 'devbox destroy' and 'devbox up' make the machine anew.",
        patience=15,  # systemd starts it again
    ),
    Symptom(
        Stage.DISK_FULL,
        _pattern(r"No space left on device", r"failed with error 28\b"),
        "Its disk is full.",
        "Give it a larger 'disk' in devbox.yml and run 'devbox up'.",
        patience=NEVER,
    ),
    Symptom(
        Stage.DISK_ERROR,
        _pattern(
            r"I/O error, dev (?P<device>\w+)", r"EXT4-fs error \(device (?P<which>\w+)\)", r"Buffer I/O error"
        ),
        "It can't read or write its disk.",
        "See whether the host's disk is full or damaged ('devbox doctor').",
        patience=NEVER,
    ),
    Symptom(
        Stage.OUT_OF_MEMORY,
        _pattern(r"Out of memory: Killed process \d+ \((?P<what>[^)]*)\)", r"oom-kill:"),
        "It ran out of memory while it started.",
        _MORE_MEMORY,
        patience=NEVER,
    ),
)

# Of these the last counts, not the first.
FAILED_UNIT = _pattern(r"\[FAILED\] Failed to (?:start|mount|listen on) (?P<unit>.+?)\.?$")
RUNNING_JOB = _pattern(r"A (?:start|stop) job is running for (?P<what>.+?) \((?P<time>[^)]*)\)")
STALL = _pattern(r"soft lockup - CPU#\d+ stuck", r"self-detected stall on CPU", r"rcu_\w+ detected stalls")
UP = _pattern(r"^\S+ login: *$", r"Reached target .*Multi-User System", r"Startup finished in")

# A hypervisor's last words and what helps.
LAST_WORDS = (
    (
        r"Could not set up host forwarding rule",
        "Another program listens on one of its addresses; see 'ss -ltnp'.",
    ),
    (r'Failed to get ".*" lock', "Another process uses its disk: is a second QEMU running with it?"),
    (
        r"(?:cannot set up guest memory|Cannot allocate memory)",
        "The host lacks memory: give it less 'memory'.",
    ),
    (
        r"[Bb]acking file|Could not open .*: No such file",
        "A file that its disk stands on is gone: 'devbox up'.",
    ),
    (r"No space left on device", "The host's disk is full: make room, 'devbox gc' helps."),
    (r"(?i)\bkvm\b", "Hardware acceleration fails here; 'devbox doctor' probes it again."),
    (r"Permission denied", "QEMU may not open one of its files; see their owner and the folders above them."),
)
