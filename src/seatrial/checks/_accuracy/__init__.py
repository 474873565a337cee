"""Parts of the check `accuracy`: metrics, their bounds, slices, and what a baseline said."""
