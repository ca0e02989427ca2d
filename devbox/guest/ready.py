"""Waiting until a machine lets us in, and saying why when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from devbox.errors import DevboxError
from devbox.guest.console import tail
from devbox.guest.diagnosis import Answer, Diagnosis, Observations, diagnose, waiting_for
from devbox.guest.knocking import Knocking
from devbox.guest.ssh import Endpoint, HostKeyDiffers, KeyRefused, NotReached, Session, connect
from devbox.guest.symptoms import Stage
from devbox.providers import Power

_LOOK_EVERY = 0.5  # seconds between two looks at power and console
_LISTEN = 0.15
_LOGIN = 30.0  # the most that one login may take under emulation


@dataclass(frozen=True)
class Probe:
    """How to see a machine from outside; each is asked about twice a second, so they must be cheap.

    ``console`` gives the last 64 KiB or so that *this* boot wrote, raw.
    """

    power: Callable[[], Power | None]
    console: Callable[[], str]
    last_words: Callable[[], str]


class NotReady(DevboxError):
    """A machine did not become ready; ``diagnosis`` says why."""

    def __init__(self, alias: str, seen: Observations, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis
        shown = tail(seen.console)
        console = f"The end of its console:\n{shown}" if shown else "Its console is empty."
        words = tail(seen.last_words)
        super().__init__(
            f"'{alias}' is not ready after {seen.seconds:.0f} s. {diagnosis.sentence}",
            details="\n".join(
                filter(
                    None,
                    [
                        f"Waited for a login over SSH; its port: {seen.answer}.",
                        tail(seen.detail),
                        words,
                        console,
                    ],
                )
            ),
            advice=diagnosis.advice,
        )


def wait_ready(endpoint: Endpoint, probe: Probe, timeout: float, progress: Callable[[str], None]) -> Session:
    """A session to the machine as soon as it grants one.

    ``progress`` is told whenever what we wait for changes. Raises NotReady after ``timeout``
    seconds, or earlier when waiting on can't help.
    """
    import paramiko  # noqa: F401 - takes half a second: now, while the machine boots, not when it has answered

    watch = _Watch(endpoint.alias, probe, timeout, progress)
    with Knocking(endpoint) as knocking:
        while True:
            sock = knocking.listen(_LISTEN)
            watch.answer = knocking.answer
            if sock is not None:
                try:
                    return connect(endpoint, min(_LOGIN, max(1.0, watch.left())), sock)
                except HostKeyDiffers as error:
                    watch.failed(Answer.HOST_KEY, error)
                except KeyRefused as error:
                    watch.failed(Answer.KEY_REFUSED, error)
                except NotReached as error:
                    watch.failed(Answer.BANNER, error)
            watch.look()


class _Watch:
    """What was seen so far, and whether waiting on makes sense."""

    def __init__(self, alias: str, probe: Probe, timeout: float, progress: Callable[[str], None]) -> None:
        self.alias, self.probe, self.timeout, self.progress = alias, probe, timeout, progress
        self.started = time.monotonic()
        self.answer = Answer.UNTRIED
        self.detail = ""
        self._looked = 0.0
        self._since: dict[Stage, float] = {}
        self._told = ""

    def left(self) -> float:
        return self.started + self.timeout - time.monotonic()

    def failed(self, answer: Answer, error: DevboxError) -> None:
        self.answer, self.detail = answer, error.details
        self._looked = 0.0

    def look(self) -> None:
        """Observe, diagnose, tell; raise NotReady when it is time to give up."""
        now = time.monotonic()
        if now < self._looked + _LOOK_EVERY and self.left() > 0:
            return
        self._looked = now
        seen = self._observe(now - self.started)
        diagnosis = diagnose(seen)
        since = self._since.setdefault(diagnosis.stage, now)
        if now - since >= diagnosis.patience or self.left() <= 0:
            raise NotReady(self.alias, seen, diagnosis)
        text = waiting_for(diagnosis)
        if text != self._told:
            self._told = text
            self.progress(text)

    def _observe(self, seconds: float) -> Observations:
        power = self.probe.power()
        return Observations(
            seconds=seconds,
            power=power,
            last_words="" if power in (None, Power.RUNNING) else self.probe.last_words(),
            console=self.probe.console(),
            answer=self.answer,
            detail=self.detail,
        )
