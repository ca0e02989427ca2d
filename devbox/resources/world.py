"""What the operations of resources act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devbox.box import Box
from devbox.environment import Environment
from devbox.events import Emit
from devbox.hostbake import HostFacts
from devbox.layers import Layer
from devbox.paths import EnvironmentPaths, Home
from devbox.providers import Provider
from devbox.provision.playbooks import Playbooks
from devbox.resources.saved import Checkpoint


@dataclass(frozen=True)
class World:
    home: Home
    environment: Environment
    boxes: Mapping[str, Box]
    images: Mapping[str, str]  # box name -> key of the image it gives on this host
    provider: Provider
    playbooks: Playbooks
    emit: Emit
    layers: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)  # by machine, the lowest first
    checkpoint: Checkpoint | None = None  # what machines that are made come out of, instead of a template
    coming: frozenset[str] = frozenset()  # the machines that will come out of the checkpoint
    cold: bool = False  # boot, whatever could be cloned
    bake_host: HostFacts | None = None  # whether this host bakes by itself; None where nobody looked yet
    strategy: str = ""  # Ansible strategy; empty lets devbox choose
    boot_timeout: float = 300.0

    def layer_of(self, machine: str) -> str:
        """The key of the topmost layer below a machine; empty where it stands on its image."""
        layers = self.layers.get(machine, ())
        return layers[-1].key if layers else ""

    @property
    def paths(self) -> EnvironmentPaths:
        return self.home.environment(self.environment.name)
