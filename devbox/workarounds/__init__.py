"""The catalogue of workarounds: what is known, and which entry a pasted error belongs to."""
