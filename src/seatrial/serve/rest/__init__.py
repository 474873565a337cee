"""The REST front: connections, requests, and a file for each family of routes."""
