"""Where what tests make once a machine is kept; `tests/conftest.py` sets it when nobody did."""

from __future__ import annotations

import os
from pathlib import Path

SIDE = Path(os.environ["SEATRIAL_SIDE"])
