"""An image: made from its box once on this host, shared by every machine that asks for it."""

from __future__ import annotations

from typing import ClassVar, Self

from devbox.plan import Effect, Existing, Resource
from devbox.resources.world import World
from devbox.store import Store


class ImageResource(Resource):
    """``name`` is the box; ``key`` the digest of all that goes into the image."""

    kind: ClassVar[str] = "image"

    key: str

    @classmethod
    def read(cls, world: World) -> list[Existing]:
        store = Store(world.home)
        return [
            Existing(cls(name=box, key=key)) for box, key in sorted(world.images.items()) if store.find(key)
        ]

    def create(self, world: World) -> None:
        from devbox.build import obtain_image

        obtain_image(world.boxes[self.name], world.home, world.emit)

    def update(self, world: World, before: Self, effect: Effect) -> None:
        self.create(world)

    def delete(self, world: World) -> None:
        """Images are shared; 'devbox gc' removes those that nothing stands on."""
