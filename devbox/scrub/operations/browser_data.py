"""What browsers remember."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="browser-data",
    summary="profiles of web browsers, and desktop keyrings",
    reason="Their cookies are open sessions, and they store passwords.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.mozilla",
            "~/.config/{google-chrome,chromium,BraveSoftware}",
            "~/.local/share/{keyrings,kwalletd}",
        ),
    ),
)
