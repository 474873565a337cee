"""The life of versions: found, loaded, proved, exchanged, freed."""
