"""Why a machine is not ready yet, decided from what was observed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from devbox.guest import symptoms
from devbox.guest.console import clean, last_line
from devbox.guest.symptoms import NEVER, SYMPTOMS, Stage
from devbox.providers import Power

_KEY_PATIENCE = 15.0  # sshd may break a login off for other reasons while much else starts
_BOOTING_UP = "not permitted to log in yet"  # said by pam_nologin to ordinary users until a boot is over
_DEATH_PATIENCE = 1.0  # between the request to start and QEMU's first breath


class Answer(StrEnum):
    """How the machine's SSH port answered last.

    QEMU's user-mode network accepts a connection before the guest does: what counts is the banner.
    """

    UNTRIED = "untried"
    REFUSED = "refused"  # nobody listens on the host: QEMU is not up
    SILENT = "silent"  # accepted by QEMU, nothing came from the guest
    CLOSED = "closed"  # the guest is up but has no listener
    BANNER = "banner"  # sshd answered, but the login did not come to an end
    HOST_KEY = "host key differs"
    KEY_REFUSED = "key refused"


@dataclass(frozen=True)
class Observations:
    """All that is known at one moment; ``detail`` is the SSH attempt's own error."""

    seconds: float
    power: Power | None = None
    last_words: str = ""
    console: str = ""
    answer: Answer = Answer.UNTRIED
    detail: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """``patience``: how many seconds after this was first seen the machine may still become ready."""

    stage: Stage
    sentence: str
    advice: str
    patience: float = NEVER


def diagnose(seen: Observations) -> Diagnosis:
    """The most telling explanation; what is certain comes before what is likely."""
    console = clean(seen.console)
    return (
        _symptom(console, certain=True)
        or _not_running(seen)
        or _login(seen)
        or _symptom(console, certain=False)
        or _services(seen, console)
        or _answer(seen, console)
    )


def waiting_for(diagnosis: Diagnosis) -> str:
    """What a progress line says while the machine may still become ready."""
    return _WAITING.get(diagnosis.stage, diagnosis.sentence)


_WAITING = {
    Stage.DIED: "waiting for QEMU",
    Stage.NO_NETWORK: "waiting for its network",
    Stage.NO_SSHD: "waiting for sshd",
    Stage.HANDSHAKE: "logging in over SSH",
    Stage.KEY_REFUSED: "waiting to be let in over SSH",
}


def _symptom(console: str, *, certain: bool) -> Diagnosis | None:
    for symptom in SYMPTOMS:
        if (symptom.patience == 0) is not certain:
            continue
        match = symptom.pattern.search(console)
        if match:
            named = {name: value or "" for name, value in match.groupdict().items()}
            sentence = symptom.sentence.format(**named).rstrip(" :")
            return Diagnosis(symptom.stage, _whole(sentence), symptom.advice, symptom.patience)
    return None


def _not_running(seen: Observations) -> Diagnosis | None:
    if seen.power is Power.PAUSED:
        return Diagnosis(
            Stage.PAUSED,
            "QEMU paused it, which it does when the host's disk is full or can't be written.",
            "Make room ('devbox gc'), then 'devbox stop' and 'devbox up'.",
            patience=10,
        )
    if seen.power in (None, Power.RUNNING):
        return None
    words = last_line(seen.last_words)
    advice = next(
        (advice for pattern, advice in symptoms.LAST_WORDS if re.search(pattern, seen.last_words)), ""
    )
    sentence = (
        f"QEMU ended: {words}"
        if words
        else "QEMU ended without a message: the machine switched itself off, or reset."
    )
    return Diagnosis(
        Stage.DIED,
        _whole(sentence),
        advice or "Run 'devbox up' again; too little 'memory' ends a boot like this.",
        _DEATH_PATIENCE,
    )


def _login(seen: Observations) -> Diagnosis | None:
    if seen.answer is Answer.HOST_KEY:
        return Diagnosis(
            Stage.HOST_KEY,
            "What answers at its address has another host key than devbox gave it.",
            "If no other program took the address, 'devbox destroy' and 'devbox up' make it anew.",
            patience=0,
        )
    if seen.answer is Answer.KEY_REFUSED and _BOOTING_UP in seen.detail:
        return Diagnosis(
            Stage.BOOTING,
            "It is still booting, and lets only root log in.",
            "See with 'devbox console' what it waits for.",
        )
    if seen.answer is Answer.KEY_REFUSED:
        return Diagnosis(
            Stage.KEY_REFUSED,
            "Its sshd refuses devbox's key.",
            "If its authorized_keys or its user were changed, 'devbox reset' brings them back.",
            _KEY_PATIENCE,
        )
    return None


def _services(seen: Observations, console: str) -> Diagnosis | None:
    failed = [match["unit"] for match in symptoms.FAILED_UNIT.finditer(console)]
    if failed:
        names = ", ".join(f"'{unit}'" for unit in dict.fromkeys(failed))
        verb = "This unit" if len(set(failed)) == 1 else "These units"
        return Diagnosis(
            Stage.UNITS_FAILED,
            f"{verb} failed while it started: {names}.",
            "Look at it with 'devbox console', or read its journal.",
        )
    job = _last(symptoms.RUNNING_JOB, console)
    if job and last_line(console).endswith(job.group(0).rsplit(" ", 1)[-1]):
        return Diagnosis(
            Stage.SLOW_JOB,
            f"It waits for '{job['what']}' ({job['time']}).",
            "A unit of its image takes long; look at it with 'devbox console'.",
        )
    if symptoms.STALL.search(console) and seen.answer is not Answer.BANNER:
        return Diagnosis(
            Stage.STALLED,
            "Its processors stand still for seconds.",
            "The host has too much to do: stop other machines, or give it fewer 'cpus'.",
        )
    return None


def _answer(seen: Observations, console: str) -> Diagnosis:
    if seen.answer is Answer.BANNER:
        detail = last_line(seen.detail).rstrip(".")
        why = f" ({detail})" if detail else ""
        return Diagnosis(
            Stage.HANDSHAKE,
            f"Its sshd answers, but the login does not come to an end{why}.",
            "The machine may be too busy: try again, or give it more 'cpus' or 'memory'.",
        )
    if seen.answer is Answer.CLOSED:
        return Diagnosis(
            Stage.NO_SSHD,
            "Its network works, but no sshd listens.",
            "See why ssh.service did not start with 'devbox console', or build the image anew.",
        )
    if symptoms.UP.search(console):
        return Diagnosis(
            Stage.NO_NETWORK,
            "It has started, but nothing comes through its network.",
            "Its way out did not get its address: look at 'networkctl' with 'devbox console'.",
        )
    line = last_line(console)
    how_far = f"booting, last on its console: {line}" if line else "booting, nothing on its console yet"
    return Diagnosis(Stage.BOOTING, _whole(f"It is still {how_far}"), "See 'devbox console'.")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter([*pattern.finditer(text)][-1:]), None)


def _whole(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
