"""The container image of the digits service: `seatrial image` against `buildah bud` with the same content.

    apt-get install mmdebstrap buildah
    python benchmarks/image_build.py [--bundle FOLDER] [--side FOLDER]

Both start from the same bundle, the same Seatrial, the same lock and a warm cache of downloads. `seatrial
image` makes its base and installs its dependencies anew, then again for the next version. `buildah` gets a
ready Debian base with Python and the wheels on the disk, which costs it nothing here, and does what a
Containerfile does: a virtual environment, `pip install`, two copies. Each is done twice to see whether the
digest is the same. Sizes are of the OCI archives, gzip on both sides.

Bar: faster, the same digest twice, smaller. Writes benchmarks/results/image_build.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "image_build.json"
SIDE = Path(os.environ.get("SEATRIAL_SIDE", str(ROOT / ".side")))
BASE = "python3,python3-venv,ca-certificates,libgomp1"
CONTAINERFILE = """\
FROM bench-base
COPY wheels /wheels
COPY requirements.txt /requirements.txt
RUN python3 -m venv /opt/seatrial && \
    /opt/seatrial/bin/pip install --no-index --no-deps --find-links /wheels -r /requirements.txt && \
    rm -rf /wheels
COPY seatrial /opt/seatrial/lib/python3.11/site-packages/seatrial
COPY bundle /bundle
COPY serve.yaml /etc/seatrial/serve.yaml
ENV ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /bundle
ENTRYPOINT ["/opt/seatrial/bin/python", "-m", "seatrial.cli.main", "serve"]
CMD ["--config", "/etc/seatrial/serve.yaml"]
"""


def seatrial_image(bundle: Path, home: Path, out: Path, source: Path) -> None:
    """What a user calls, from a copy of the sources that nobody edits meanwhile."""
    environment = dict(os.environ, SEATRIAL_HOME=str(home), PYTHONPATH=str(source))
    cli("image", bundle, "-o", out, "--extra", "onnx", env=environment)


def cli(*words: str | Path, env: dict[str, str] | None = None) -> None:
    """A command of Seatrial."""
    command = [sys.executable, "-W", "ignore", "-m", "seatrial.cli.main", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"seatrial {words[0]}: {done.stderr[-2000:]}")


def digits_bundle(folder: Path) -> Path:
    """The bundle of the digits, trained and checked here."""
    from _subjects import subjects

    subject = subjects(folder, ["digits"])[0]
    cli("check", subject.model, "--data", subject.data, "-o", folder / "report")
    report = ["--report", folder / "report" / "report.json", "--data", subject.data]
    cli("bundle", subject.model, "--to", "onnx", *report, "-o", folder / "digits-1.0.0")
    return folder / "digits-1.0.0"


class Buildah:
    """A store of its own, a base image in it, and a context with all that is copied.

    Args:
        folder: For everything.
        bundle: That is served.
        source: With the package `seatrial`.
    """

    def __init__(self, folder: Path, bundle: Path, source: Path) -> None:
        self._store = [
            "--root",
            str(folder / "store"),
            "--runroot",
            str(folder / "run"),
            "--storage-driver",
            "vfs",
        ]
        self.context = folder / "context"
        self.context.mkdir()
        self._base(folder / "base.tar")
        self._contents(bundle, source)

    def build(self, out: Path) -> None:
        """One build, and its archive."""
        self._run("bud", "--isolation", "chroot", "--layers=false", "--timestamp", "0", "--format", "oci",
                  "-t", "bench", str(self.context))  # fmt: skip
        self._run("push", "-q", "bench", f"oci-archive:{out}:bench")

    def _base(self, tar: Path) -> None:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE}",
             "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
             "--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", str(tar)],
            check=True, capture_output=True,
        )  # fmt: skip
        made = self._run("from", "scratch").strip()
        self._run("add", made, str(tar), "/")
        self._run("commit", "-q", "--rm", made, "bench-base")
        tar.unlink()

    def _contents(self, bundle: Path, source: Path) -> None:
        from seatrial.deliverables._oci.base import Base
        from seatrial.deliverables._oci.contents import choose, settings
        from seatrial.deliverables._oci.dependencies import Needs, lock_file, pinned
        from seatrial.model.bundle import open_bundle

        opened = open_bundle(bundle)
        base = Base("base", "", (), {}, "amd64", "/usr/bin/python3.11", (3, 11))
        pins = pinned(Needs(("onnx",), lock_file(), self.context), base)
        (self.context / "requirements.txt").write_text(pins, "utf-8")
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
                   "-r", f"{self.context}/requirements.txt", "-d", f"{self.context}/wheels"]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        shutil.copytree(source / "seatrial", self.context / "seatrial")
        shutil.copytree(bundle, self.context / "bundle")
        (self.context / "serve.yaml").write_text(settings(opened, choose(opened, "onnx")), "utf-8")
        (self.context / "Containerfile").write_text(CONTAINERFILE, "utf-8")

    def _run(self, *words: str) -> str:
        done = subprocess.run(["buildah", *self._store, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"buildah {words[0]}: {done.stderr[-2000:]}")
        return done.stdout


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the wall and of processors, children included."""
    before, start = os.times(), time.perf_counter()
    work()
    after = os.times()
    spent = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    return time.perf_counter() - start, spent


def image_digest(archive: Path) -> str:
    """Of the manifest that the archive's index names."""
    told = subprocess.run(["tar", "-xOf", str(archive), "index.json"], check=True, capture_output=True).stdout
    return str(json.loads(told)["manifests"][0]["digest"])


def row(name: str, runs: list[tuple[tuple[float, float], Path]]) -> dict[str, object]:
    """One line of the table out of two runs."""
    return {
        "builder": name,
        "seconds": min(each[0][0] for each in runs),
        "processor_seconds": min(each[0][1] for each in runs),
        "megabytes": runs[0][1].stat().st_size / 1e6,
        "same_digest_twice": len({image_digest(path) for _, path in runs}) == 1,
    }


def changed(bundle: Path, folder: Path) -> Path:
    """The same bundle as another version, which moves the last layer."""
    from dataclasses import replace

    from seatrial.model.bundle import open_bundle

    other = folder / bundle.name
    shutil.copytree(bundle, other)
    opened = open_bundle(other)
    made = replace(opened.manifest, version="1.0.1")
    (other / "manifest.json").write_bytes(made.to_bytes())
    return other


def measure(bundle: Path, folder: Path) -> list[dict[str, object]]:
    """Cold, warm and the peer, interleaved."""
    source = folder / "src"
    shutil.copytree(
        ROOT / "src" / "seatrial", source / "seatrial", ignore=shutil.ignore_patterns("__pycache__")
    )
    peer = Buildah(folder, bundle, source)
    cold, warm, peers = [], [], []
    for turn in (1, 2):
        home = folder / f"home{turn}"
        out = folder / f"cold{turn}.tar"
        cold.append((timed(lambda home=home, out=out: seatrial_image(bundle, home, out, source)), out))
        out = folder / f"peer{turn}.tar"
        peers.append((timed(lambda out=out: peer.build(out)), out))
    other = changed(bundle, folder / "other")
    for turn in (1, 2):
        out = folder / f"warm{turn}.tar"
        warm.append((timed(lambda out=out: seatrial_image(other, folder / "home1", out, source)), out))
    return [
        row("seatrial image, nothing kept", cold),
        row("seatrial image, next version", warm),
        row("buildah bud", peers),
    ]


def main() -> int:
    """Measures, prints, writes; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bundle", type=Path, help="of seatrial bundle, with an ONNX model [made of the digits]"
    )
    parser.add_argument("--side", type=Path, default=SIDE, help="where there is room")
    options = parser.parse_args()
    for program in ("mmdebstrap", "buildah"):
        if shutil.which(program) is None:
            print(f"skipped: it needs Debian's {program}: apt-get install {program}")
            return 0
    with tempfile.TemporaryDirectory(dir=options.side) as folder:
        rows = measure(options.bundle or digits_bundle(Path(folder)), Path(folder))
    ours, _, theirs = rows
    print(f"{'builder':32}{'wall s':>9}{'CPU s':>8}{'MB':>8}  same digest twice")
    for each in rows:
        figures = f"{each['seconds']:9.1f}{each['processor_seconds']:8.1f}{each['megabytes']:8.1f}"
        print(f"{each['builder']:32}{figures}  {'yes' if each['same_digest_twice'] else 'no'}")
    better = all(float(str(ours[key])) < float(str(theirs[key])) for key in ("seconds", "megabytes"))
    passed = better and bool(ours["same_digest_twice"])
    print("bar (faster, smaller, the same digest twice):", "met" if passed else "MISSED")
    machine = {"python": platform.python_version(), "processor": platform.machine(), "cpus": os.cpu_count()}
    document = {"machine": machine, "rows": rows, "passed": passed}
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
