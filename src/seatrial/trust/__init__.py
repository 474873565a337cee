"""Who made it, and who may use it: keys, signatures, seals, licenses, machines."""
