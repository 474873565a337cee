"""Online: models as a service. Knows no workshop: neither converters nor checks nor diagnosis."""
