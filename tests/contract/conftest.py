"""Property tests on a shared machine: no deadline, few examples, the same ones on every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("contract", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("contract")
