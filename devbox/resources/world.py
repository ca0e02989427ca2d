"""What the operations of resources act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devbox.box import Box
from devbox.environment import Environment
from devbox.events import Emit
from devbox.paths import EnvironmentPaths, Home
from devbox.providers import Provider
from devbox.provision.playbooks import Playbooks


@dataclass(frozen=True)
class World:
    home: Home
    environment: Environment
    boxes: Mapping[str, Box]
    images: Mapping[str, str]  # box name -> key of the image it gives on this host
    provider: Provider
    playbooks: Playbooks
    emit: Emit
    strategy: str = ""  # Ansible strategy; empty lets devbox choose
    boot_timeout: float = 300.0

    @property
    def paths(self) -> EnvironmentPaths:
        return self.home.environment(self.environment.name)
