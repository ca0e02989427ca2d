"""What the operations of resources act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from devbox.box import Box
from devbox.environment import Environment
from devbox.events import Emit
from devbox.guest.ssh import Endpoint
from devbox.guest.trust import Trust
from devbox.paths import EnvironmentPaths, Home
from devbox.providers import Provider
from devbox.provision import Playbooks


@dataclass(frozen=True)
class World:
    home: Home
    environment: Environment
    boxes: Mapping[str, Box]
    images: Mapping[str, str]  # box name -> key of the image it gives on this host
    provider: Provider
    playbooks: Playbooks
    trust: Callable[[], Trust]
    emit: Emit
    strategy: str = ""  # Ansible strategy; empty lets devbox choose
    boot_timeout: float = 300.0
    digests: Mapping[str, str] = field(default_factory=dict)  # machine -> digest of its playbooks

    @property
    def paths(self) -> EnvironmentPaths:
        return self.home.environment(self.environment.name)

    def endpoint(self, machine: str) -> Endpoint:
        from devbox.guest.access import endpoint_of

        return endpoint_of(self.home, self.environment.name, machine)
