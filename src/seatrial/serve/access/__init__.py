"""Who may come in: keys, certificates, doors."""
