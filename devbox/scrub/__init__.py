"""Taking away what must not be passed on with a machine's disk, with proof, and a way back for its owner."""
