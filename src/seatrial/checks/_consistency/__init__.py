"""Parts of the check `consistency`: variants of one run, tolerances, and where two of them part."""
