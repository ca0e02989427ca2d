"""Playbooks over the machines of an environment: finding them, what they bring along, one Ansible run."""
