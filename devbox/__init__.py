"""Clean, real development environments of one or more virtual machines, again and again."""

__version__ = "0.1.0"
