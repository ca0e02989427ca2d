"""What a resource type declares: attributes with the effect of their change, and four operations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from devbox.plan.changes import Existing


class Effect(IntEnum):
    """What a changed attribute costs; a change costs as much as its dearest attribute."""

    LIVE = 1
    START = 2
    REPROVISION = 3
    RESTART = 4
    REPLACE = 5

    @property
    def label(self) -> str:
        return {3: "re-provision"}.get(int(self), self.name.lower())


# Some attributes cost more in one direction: a disk grows with a restart and shrinks by replacement.
EffectOf = Callable[[Any, Any], Effect]


class Resource(BaseModel):
    """One thing that a plan creates, changes or deletes.

    A subclass annotates each attribute with its effect: ``memory: Annotated[int, Effect.RESTART]``;
    an attribute without one costs a replacement. Two resources are the same thing when kind and
    name are. The operations get ``world``, whatever the types of one registry agreed on; reading
    happens before deciding, the other three while a plan is applied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    kind: ClassVar[str]
    keeps_data: ClassVar[str] = ""  # what is lost when one is deleted, in words; empty for nothing

    name: str

    @property
    def address(self) -> str:
        return f"{self.kind}.{self.name}"

    def needs(self) -> Sequence[str]:
        """Addresses of what must be there before this one; made anew, it changes this one too."""
        return ()

    def follows(self) -> Sequence[str]:
        """Addresses of what only has to come first where both are made."""
        return ()

    @classmethod
    def effect_of(cls, attribute: str, before: Any, after: Any) -> Effect:
        for annotation in cls.model_fields[attribute].metadata:
            if isinstance(annotation, Effect):
                return annotation
            if callable(annotation):
                effect = annotation(before, after)
                if isinstance(effect, Effect):
                    return effect
        return Effect.REPLACE

    @classmethod
    @abstractmethod
    def read(cls, world: Any) -> list[Existing]:
        """All of this type that exist in the environment."""

    @abstractmethod
    def create(self, world: Any) -> None: ...

    @abstractmethod
    def update(self, world: Any, before: Self, effect: Effect) -> None: ...

    @abstractmethod
    def delete(self, world: Any) -> None: ...
