"""A layer: what one baked playbook adds to an image or to the layer below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from devbox.layers import Layer
from devbox.plan import Effect, Existing, Resource
from devbox.resources.world import World
from devbox.store import Shelf, Store


class LayerResource(Resource):
    """``name`` is the beginning of ``key``; ``label`` tells people what is in it."""

    kind: ClassVar[str] = "layer"

    key: str
    label: str
    below: str  # the address of what it stands on

    @classmethod
    def wanted(cls, layer: Layer, below: str) -> Self:
        return cls(name=layer.key[:12], key=layer.key, label=layer.label, below=below)

    def needs(self) -> Sequence[str]:
        return (self.below,)

    @classmethod
    def read(cls, world: World) -> list[Existing]:
        store = Store(world.home, Shelf.LAYERS)
        found = []
        for layer, below in layers_of(world).values():
            if store.find(layer.key):
                found.append(Existing(cls.wanted(layer, below)))
        return found

    def create(self, world: World) -> None:
        from devbox.resources import baking

        layer, _ = layers_of(world)[self.key]
        baking.obtain(layer, self.address, world)

    def update(self, world: World, before: Self, effect: Effect) -> None:
        self.create(world)

    def delete(self, world: World) -> None:
        """Layers are shared; 'devbox gc' removes those that nothing stands on."""


def layers_of(world: World) -> dict[str, tuple[Layer, str]]:
    """Every layer that the environment's machines ask for, by key, with the address of what is below."""
    found: dict[str, tuple[Layer, str]] = {}
    for layers in world.layers.values():
        for layer in layers:
            below = f"image.{layer.box}" if layer.parent == layer.image else f"layer.{layer.parent[:12]}"
            found[layer.key] = (layer, below)
    return found
