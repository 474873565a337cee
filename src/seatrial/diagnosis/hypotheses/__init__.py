"""Reasons why two pipelines disagree, one a file; the underscored files are what they share."""
