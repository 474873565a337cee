"""What stands between the models of a pipeline: one file a joint, found by its lying here."""
