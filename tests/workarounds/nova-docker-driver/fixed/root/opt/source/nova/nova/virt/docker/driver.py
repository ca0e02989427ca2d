# The driver for Docker
