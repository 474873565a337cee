"""Parts of the check `robustness`: hostile inputs, and answers that must not change."""
