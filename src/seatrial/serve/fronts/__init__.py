"""Front processes: HTTP there, models here, one line between them."""
