"""One reader a file: recognises a format by content and reads it without running it."""
