"""Which provider owns this user's machines."""

from __future__ import annotations

import os

from devbox.errors import Refused
from devbox.paths import Home
from devbox.providers import Provider

VARIABLE = "DEVBOX_PROVIDER"


def open_provider(home: Home) -> Provider:
    """libvirt, or what ``$DEVBOX_PROVIDER`` names."""
    name = os.environ.get(VARIABLE, "libvirt")
    if name == "libvirt":
        from devbox.providers.libvirt import LibvirtProvider

        return LibvirtProvider(home)
    if name == "fake":
        from devbox.providers.fake import FakeProvider

        return FakeProvider(home.root / "fake.json")
    raise Refused(f"There is no provider '{name}'.", advice=f"Set {VARIABLE} to libvirt or fake.")
