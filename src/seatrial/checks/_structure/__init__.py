"""Parts of the check `structure`."""
