"""The command line: one file a command group; exit codes live in `main`."""
