"""One reader a file for each model family's own configuration."""
