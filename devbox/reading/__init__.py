"""Reading what the user wrote: files, then meaning, then frozen values."""
