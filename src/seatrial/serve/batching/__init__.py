"""Requests into batches, batches onto devices."""
