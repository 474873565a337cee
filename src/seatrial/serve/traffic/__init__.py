"""Who answers a request, and what happens when that one cannot."""
