"""A resource type for tests of planning and applying: it lives in a dictionary."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from devbox.plan import Effect, Existing, Resource


class Shelf:
    """The world of toys: what exists, what was done in which order, and which toys break."""

    def __init__(self, *, broken: Sequence[str] = ()) -> None:
        self.toys: dict[str, Toy] = {}
        self.done: list[str] = []
        self.broken = set(broken)
        self.lock = threading.Lock()

    def note(self, verb: str, toy: Toy) -> None:
        with self.lock:
            self.done.append(f"{verb} {toy.name}")
            if toy.name in self.broken:
                raise RuntimeError(f"{toy.name} broke")


def _bigger_or_smaller(before: int, after: int) -> Effect:
    return Effect.RESTART if after > before else Effect.REPLACE


class Toy(Resource):
    kind: ClassVar[str] = "toy"
    keeps_data: ClassVar[str] = "its stickers"

    colour: Annotated[str, Effect.LIVE] = "red"
    wheels: Annotated[int, Effect.RESTART] = 4
    size: Annotated[int, _bigger_or_smaller] = 1
    maker: str = "us"
    stands_on: Annotated[tuple[str, ...], Effect.LIVE] = ()

    def needs(self) -> Sequence[str]:
        return [f"toy.{name}" for name in self.stands_on]

    @classmethod
    def read(cls, world: Shelf) -> list[Existing]:
        return [Existing(toy) for toy in world.toys.values()]

    def create(self, world: Shelf) -> None:
        world.note("create", self)
        world.toys[self.name] = self

    def update(self, world: Shelf, before: Self, effect: Effect) -> None:
        world.note(f"update({effect.label})", self)
        world.toys[self.name] = self

    def delete(self, world: Shelf) -> None:
        world.note("delete", self)
        del world.toys[self.name]
