"""How an image comes to be."""

from __future__ import annotations

from devbox.build.image import Image, digest_of, image_key, load_image, obtain_image

__all__ = ["Image", "digest_of", "image_key", "load_image", "obtain_image"]
