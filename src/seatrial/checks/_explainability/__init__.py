"""Parts of the check `explainability`: attributions and whether they are faithful."""
