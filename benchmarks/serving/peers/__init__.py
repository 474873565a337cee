"""The servers that are measured, one a file; each file defines `PEER`."""
