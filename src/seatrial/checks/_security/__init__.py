"""Parts of the check `security`: what lies in the delivered bytes, and what a model gives away."""
