# Drivers
