"""Reaching a machine: its keys, ssh, what it must trust, and why it is not ready yet."""
