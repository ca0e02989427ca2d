"""One row a file, with `measure(here) -> Row`; found by being there."""
