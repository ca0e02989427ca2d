"""Playbooks over the machines of an environment: finding them, what they bring along, one Ansible run."""

from devbox.provision.account import HostStats
from devbox.provision.playbooks import Playbook, Playbooks
from devbox.provision.run import provision

__all__ = ["HostStats", "Playbook", "Playbooks", "provision"]
