"""The Java SDK: source files that are handed over as they are, and what is generated from the contract."""
