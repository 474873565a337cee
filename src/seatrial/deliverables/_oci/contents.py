"""What lies on top of the dependencies: the server, the models, and what is said about them.

Each is a layer of its own, the ones that change most on top: a new model moves the last two, a new Seatrial
the last three.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

import seatrial
from seatrial.deliverables._oci.base import HOME, Base
from seatrial.deliverables._oci.layers import Entry, below
from seatrial.errors import UsageError
from seatrial.model.bundle import Bundle
from seatrial.model.manifest import NAME, SIGNATURES, FileEntry, ModelEntry
from seatrial.runtimes import all_runtimes

BUNDLE = "bundle"
PYTHON = f"{HOME}/bin/python"
PROGRAM = f"{HOME}/bin/seatrial"
SETTINGS = "etc/seatrial/serve.yaml"
PORT, GRPC_PORT = 8000, 8001

# The rooms of the workshop, which production does without (house rule: `serve` imports none of them).
_WORKSHOP = frozenset({"checks", "converters", "deliverables", "diagnosis", "faults", "selftest"})
_TEST_CASES = "test_cases/"

_PROGRAM = f"""\
#!/{PYTHON}
import sys

from seatrial.cli.main import main

sys.exit(main())
"""
_SELFTEST = f"""\
#!/{PYTHON}
import asyncio
import sys
from pathlib import Path

from seatrial.serve.selftest import selftest
from seatrial.serve.settings import read_settings

sys.exit(0 if asyncio.run(selftest(read_settings(Path("/{SETTINGS}")), print)) else 1)
"""


@dataclass(frozen=True)
class Choice:
    """Which of a bundle's models is served, and by what.

    Attributes:
        model: Of the bundle.
        runtime: A name from `seatrial list runtimes`.
        extra: What installs it.
    """

    model: ModelEntry
    runtime: str
    extra: str


def choose(bundle: Bundle, extra: str = "") -> Choice:
    """The model that an image serves: the preferred one, or the first that the runtime asked for runs.

    Args:
        bundle: With the models.
        extra: `onnx`, `openvino` or `paddle`; empty for the one that suits the preferred model.

    Raises:
        UsageError: No model of the bundle runs with it.
    """
    serving = (each for each in all_runtimes().values() if not each.asked_only)
    known = sorted(serving, key=lambda each: (each.extra != "onnx", each.name))
    for model in bundle.manifest.models:
        for each in known:
            if model.format in each.formats and extra in ("", each.extra):
                return Choice(model, each.name, each.extra)
    there = ", ".join(each.format for each in bundle.manifest.models) or "none"
    raise UsageError(
        f"no model of {bundle.manifest.release} runs with {extra or 'any runtime'}; its formats: {there}",
        hint="convert it with seatrial bundle --to, or choose another --extra",
    )


def server(base: Base) -> Iterator[Entry]:
    """Seatrial itself, as far as a server needs it, and its two programs."""
    package = Path(seatrial.__file__).parent
    yield from below(package, f"{base.packages}/seatrial", keep=_of_the_server)
    told = f"Metadata-Version: 2.1\nName: seatrial\nVersion: {seatrial.__version__}\n"
    yield Entry(f"{base.packages}/seatrial-{seatrial.__version__}.dist-info/METADATA", told.encode())
    where = f"home = {base.python.rpartition('/')[0]}\ninclude-system-site-packages = false\n"
    yield Entry(f"{HOME}/pyvenv.cfg", where.encode())
    yield Entry(PYTHON, target=base.python)
    yield Entry(PROGRAM, _PROGRAM.encode(), executable=True)
    yield Entry("selftest", _SELFTEST.encode(), executable=True)


def models(bundle: Bundle) -> Iterator[Entry]:
    """The files of the models."""
    return (_entry(bundle, each) for each in bundle.manifest.of_role("model"))


def config(bundle: Bundle, choice: Choice) -> Iterator[Entry]:
    """Everything else of the bundle, which stays whole; and how it is to serve."""
    for each in bundle.manifest.files:
        if each.role != "model":
            yield _entry(bundle, each)
    yield Entry(f"{BUNDLE}/{NAME}", bundle.manifest.to_bytes())
    for signed in bundle.signatures():
        yield Entry(f"{BUNDLE}/{SIGNATURES}/{signed.name}", signed)
    yield Entry(SETTINGS, settings(bundle, choice).encode())


def proves_itself(bundle: Bundle) -> bool:
    """Whether the bundle has test cases that a server can run."""
    return any(each.path.startswith(_TEST_CASES) for each in bundle.manifest.of_role("test"))


def settings(bundle: Bundle, choice: Choice) -> str:
    """`serve.yaml` of the image: a model that fails its own test cases does not serve."""
    served = {
        "path": f"/{BUNDLE}",  # the server verifies it, and takes the model that the runtime runs
        "golden": "required" if proves_itself(bundle) else "auto",
        "options": {"runtime": choice.runtime},
    }
    said = {
        "host": "0.0.0.0",  # noqa: S104 - inside a container, whose ports are opened from outside
        "port": PORT,
        "grpc_port": GRPC_PORT,
        "models": {bundle.manifest.name: served},
    }
    return yaml.safe_dump(said, sort_keys=False)


def _of_the_server(path: str) -> bool:
    return path.split("/")[0] not in _WORKSHOP and "__pycache__" not in path and not path.endswith(".pyc")


def _entry(bundle: Bundle, entry: FileEntry) -> Entry:
    path = bundle.path(entry)
    return Entry(f"{BUNDLE}/{entry.path}", path, executable=bool(path.stat().st_mode & 0o100))
