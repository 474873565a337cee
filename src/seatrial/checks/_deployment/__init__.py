"""Parts of the check `deployment`: libraries, pins, the SBOM."""
