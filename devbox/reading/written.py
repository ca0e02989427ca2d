"""The shape of devbox.yml and of a box file, key by key, as strict models.

Keys that a file must have are optional here and listed in ``required``, so that a file with one
key missing still shows its other mistakes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from devbox.reading import names
from devbox.reading.fields import (
    Address,
    BakeIn,
    Bytes,
    Cpus,
    Label,
    Mode,
    Network,
    Playbook,
    Ports,
    Workaround,
)
from devbox.units import Size


class Written(BaseModel):
    """One mapping of a file; unknown keys and wrong types are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    required: ClassVar[tuple[str, ...]] = ()


class NetworkWritten(Written):
    """The private network between the machines."""

    model_config = ConfigDict(json_schema_extra={"required": ["cidr"]})
    required = ("cidr",)
    cidr: Network | None = Field(
        None, description="A private IPv4 network; its first address is the gateway's."
    )
    mode: Mode = Field("user", description="How machines reach the world: 'user' needs no root.")


class MachineWritten(Written):
    """One machine."""

    required = ("box", "ip")
    box: str | None = Field(None, description="The box that the machine's disk starts from.")
    ip: Address | None = Field(None, description="The machine's static address, inside the network.")
    cpus: Cpus = Field(2, description="How many virtual CPUs.")
    memory: Bytes = Field(Size.parse("2GiB"), description="Memory with its unit.")
    disk: Bytes = Field(
        Size.parse("20GiB"), description="The disk's size with its unit; it grows when written to."
    )
    bake: list[Playbook] = Field([], description="Playbooks that need no name or address of the machine.")
    provision: list[Playbook] = Field([], description="Playbooks that run when the machine is up.")
    ports: list[Ports] = Field([], description="TCP ports that the host reaches: 9292, or '8080:80'.")


class WorkaroundsWritten(Written):
    """What to do about known defects."""

    skip: list[Workaround] = Field([], description="Workarounds that are not applied.")


class EnvironmentWritten(Written):
    """devbox.yml: an environment of machines."""

    required = ("name", "network", "machines")
    name: Label | None = Field(None, description="The environment's name, unique on this host.")
    network: NetworkWritten | None = None
    machines: dict[str, MachineWritten] | None = Field(
        None,
        description="The machines by name.",
        json_schema_extra={"propertyNames": {"pattern": f"^{names.LABEL}$"}, "minProperties": 1},
    )
    vars: dict[str, Any] = Field(
        {},
        description="Variables for the playbooks.",
        json_schema_extra={"propertyNames": {"pattern": f"^{names.VARIABLE}$"}},
    )
    workarounds: WorkaroundsWritten = WorkaroundsWritten()
    bake_in: BakeIn | None = Field(
        None,
        description="Where 'bake' playbooks run, 'host' or 'guest'; if left out, the host where it can.",
    )
    include: list[str] = Field([], description="Fragments with machines and vars that this file completes.")
