"""What the OpenAPI document promises, tried by a machine: generated requests, right, wrong and absurd."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.serve_process import serving

pytestmark = pytest.mark.slow

# A document cannot tell that a tensor's values are as many as its shape says, or that a version exists: those
# refusals are right. And Paddle Serving's clients are told what is wrong with the status 200.
NOT_ASKED = "positive_data_acceptance,negative_data_rejection"
# A deadline of a microsecond cannot be met, and a full queue says so.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]
"""


def test_no_request_breaks_the_promises(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with serving(f"digits={digits / 'model'}") as served:
        done = subprocess.run(
            [
                *(sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run"),
                f"http://{served.address}/openapi.json",
                *("--checks", "all", "--exclude-checks", NOT_ASKED),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "7"),
                *("--request-timeout", "30", "--no-color"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert "Tested: 12" in done.stdout
        status, _ = served.ask("GET", "/v2/health/ready")
        assert status == 200
