"""The parts of the Python SDK: sources that are copied as they lie, and what is written from a contract."""
