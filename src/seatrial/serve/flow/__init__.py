"""Pipelines of models: declared as data, checked, run stage by stage."""
