"""Parts of the check `weights`: facts of each tensor, identity, findings."""
