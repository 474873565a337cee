"""Artifact in, artifact out; believed only when compared."""
