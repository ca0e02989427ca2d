"""How an image comes to be."""

from __future__ import annotations

from devbox.build.image import Image, image_key, load_image, obtain_image

__all__ = ["Image", "image_key", "load_image", "obtain_image"]
