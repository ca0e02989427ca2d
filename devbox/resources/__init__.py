"""The types of resources that a plan is made of, one a file."""

from devbox.resources.image import ImageResource
from devbox.resources.machine import MachineResource
from devbox.resources.provisioning import ProvisioningResource

__all__ = ["TYPES", "ImageResource", "MachineResource", "ProvisioningResource"]

TYPES = (ImageResource, MachineResource, ProvisioningResource)
