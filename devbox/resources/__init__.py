"""The types of resources that a plan is made of, one a file."""

from devbox.resources.checkpoint import CheckpointResource
from devbox.resources.image import ImageResource
from devbox.resources.layer import LayerResource
from devbox.resources.machine import MachineResource
from devbox.resources.provisioning import ProvisioningResource
from devbox.resources.template import TemplateResource

__all__ = [
    "CheckpointResource",
    "ImageResource",
    "LayerResource",
    "MachineResource",
    "ProvisioningResource",
    "TemplateResource",
]
