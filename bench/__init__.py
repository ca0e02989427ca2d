"""The project's promises of speed, measured on this host: `make bench`."""
