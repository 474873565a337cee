"""One transform a file: name and options in YAML, numbers in and out."""
