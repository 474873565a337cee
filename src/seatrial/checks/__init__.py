"""The ten questions, one a file; the underscored files carry findings, reports and statistics."""
