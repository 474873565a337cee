"""An image on a tiny base, looked at from outside: what Docker and the specification want to find in it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.deliverables._oci.base import base_from_layout
from seatrial.deliverables._oci.blob import Package
from seatrial.deliverables._oci.contents import Choice, choose
from seatrial.deliverables._oci.image import Parts, build_image, default_name
from seatrial.deliverables._oci.layers import Entry, write_layer
from seatrial.deliverables._oci.layout import write_archive, write_folder
from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle
from support.bases import tiny_base
from support.handovers import network_bundle

EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return network_bundle(tmp_path_factory.mktemp("bundles"))


def quiet(_text: str) -> None:
    """Says nothing."""


def parts(bundle: Bundle, folder: Path, choice: Choice | None = None) -> Parts:
    """What an image is made of, its dependencies one file."""
    folder.mkdir()
    base = base_from_layout(tiny_base(folder / "base"), "amd64", folder)
    packages = write_layer([Entry(f"{base.packages}/x.py", b"")], folder, "dependencies", compression="gzip")
    return Parts(bundle, base, packages, choice or choose(bundle, "onnx"))


def image(bundle: Bundle, folder: Path) -> Package:
    return build_image(parts(bundle, folder), folder, progress=quiet)


def archive(bundle: Bundle, folder: Path) -> Path:
    out = folder.with_suffix(".tar")
    write_archive(image(bundle, folder), out, "network:1.0.0")
    return out


class Opened:
    """An archive, read with nothing of ours."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as tar:
            self.files = {each.name: tar.extractfile(each).read() for each in tar if each.isfile()}  # type: ignore[union-attr] # a file has bytes
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))

    def blob(self, said: dict[str, Any]) -> bytes:
        data = self.files["blobs/sha256/" + said["digest"].removeprefix("sha256:")]
        assert (said["size"], said["digest"]) == (len(data), "sha256:" + hashlib.sha256(data).hexdigest())
        return data

    def layer(self, role: str) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
        said = next(
            e for e in self.manifest["layers"] if e.get("annotations", {}).get("seatrial.layer") == role
        )
        import io

        with tarfile.open(fileobj=io.BytesIO(self.blob(said))) as tar:
            return {m.name: (m, tar.extractfile(m).read() if m.isfile() else b"") for m in tar}  # type: ignore[union-attr] # likewise


def test_equal_bundles_give_equal_archives(bundle: Bundle, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a" / "deeper"
    elsewhere.mkdir(parents=True)
    again = network_bundle(elsewhere)
    for each in again.folder.rglob("*"):
        os.utime(each, (1, 1))
    assert archive(bundle, tmp_path / "one").read_bytes() == archive(again, tmp_path / "two").read_bytes()


def test_the_archive_is_one_for_docker_and_for_the_specification(bundle: Bundle, tmp_path: Path) -> None:
    found = Opened(archive(bundle, tmp_path / "x"))
    assert json.loads(found.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (docker,) = json.loads(found.files["manifest.json"])
    assert docker["RepoTags"] == ["network:1.0.0"]
    assert docker["Config"] == "blobs/sha256/" + found.manifest["config"]["digest"].removeprefix("sha256:")
    assert docker["Layers"] == [
        "blobs/sha256/" + each["digest"].removeprefix("sha256:") for each in found.manifest["layers"]
    ]
    diff_ids = [
        "sha256:" + hashlib.sha256(gzip.decompress(found.blob(each))).hexdigest()
        for each in found.manifest["layers"]
    ]
    assert found.config["rootfs"] == {"type": "layers", "diff_ids": diff_ids}
    assert len(found.config["history"]) == len(diff_ids) == 5
    roles = [each["annotations"]["seatrial.layer"] for each in found.manifest["layers"]]
    assert roles == ["base", "dependencies", "server", "model", "config"]
    assert found.index["manifests"][0]["platform"] == {"architecture": "amd64", "os": "linux"}


def test_the_container_has_no_rights_and_says_how_it_is(bundle: Bundle, tmp_path: Path) -> None:
    found = Opened(archive(bundle, tmp_path / "x"))
    said = found.config["config"]
    environment = dict(each.split("=", 1) for each in said["Env"])
    assert said["User"] == "10001:10001"
    assert said["Entrypoint"] == [
        "/opt/seatrial/bin/seatrial",
        "serve",
        "--config",
        "/etc/seatrial/serve.yaml",
    ]
    assert said["Healthcheck"]["Test"][:4] == ["CMD", "/opt/seatrial/bin/seatrial", "client", "ready"]
    assert set(said["ExposedPorts"]) == {"8000/tcp", "8001/tcp"}
    assert said["StopSignal"] == "SIGTERM"
    assert environment["ORT_DISABLE_TELEMETRY"] == environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert environment["LANG"] == "C.UTF-8"  # of the base
    assert environment["PATH"].split(":") == ["/opt/seatrial/bin", "/usr/bin"]
    labels = said["Labels"]
    assert labels == found.manifest["annotations"]
    assert labels["seatrial.bundle.digest"] == bundle.digest
    assert labels["org.opencontainers.image.version"] == "1.0.0"
    assert labels["org.opencontainers.image.created"] == found.config["created"] == "2026-11-21T05:20:11Z"


def test_what_lies_in_it(bundle: Bundle, tmp_path: Path) -> None:
    found = Opened(archive(bundle, tmp_path / "x"))
    server, model, config = (found.layer(each) for each in ("server", "model", "config"))
    packages = "opt/seatrial/lib/python3.11/site-packages/seatrial"
    rooms = {name.split("/")[6] for name in server if name.startswith(f"{packages}/")}
    assert {"serve", "runtimes", "contract", "model", "trust", "cli", "errors.py"} <= rooms
    assert not rooms & {"checks", "converters", "diagnosis", "faults", "deliverables", "selftest"}
    assert not [name for name in server if name.endswith(".pyc") or "__pycache__" in name]
    assert server["opt/seatrial/bin/python"][0].linkname == "/usr/bin/python3.11"
    for program in ("opt/seatrial/bin/seatrial", "selftest"):
        assert server[program][0].mode == 0o755
        assert server[program][1].startswith(b"#!/opt/seatrial/bin/python\n")
        compile(server[program][1], program, "exec")
    files = {
        name.removeprefix("bundle/"): data
        for layer in (model, config)
        for name, (member, data) in layer.items()
        if name.startswith("bundle/") and member.isfile()
    }
    assert set(files) == {each.path for each in bundle.manifest.files} | {"manifest.json"}
    assert all(data == bundle.path(name).read_bytes() for name, data in files.items())
    assert {name for name in model if name.startswith("bundle/models/")}
    settings = yaml.safe_load(config["etc/seatrial/serve.yaml"][1])
    assert settings["models"] == {
        "network": {"path": "/bundle", "golden": "required", "options": {"runtime": "onnxruntime"}}
    }
    assert (settings["port"], settings["grpc_port"]) == (8000, 8001)
    assert settings["host"] == EVERYWHERE


def test_a_new_model_moves_only_the_last_layers(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = network_bundle(tmp_path / "other", seed=8)
    one, two = (Opened(archive(each, tmp_path / name)) for each, name in ((bundle, "one"), (other, "two")))
    same = [a == b for a, b in zip(one.manifest["layers"], two.manifest["layers"], strict=True)]
    assert same == [True, True, True, False, False]


def test_the_runtime_is_that_of_the_preferred_model_or_the_one_asked_for(bundle: Bundle) -> None:
    assert (choose(bundle).runtime, choose(bundle).model.format) == ("paddle", "paddle-json")
    assert (choose(bundle, "onnx").runtime, choose(bundle, "openvino").runtime) == ("onnxruntime", "openvino")
    only = replace(bundle.manifest, models=bundle.manifest.models[:1])
    with pytest.raises(UsageError, match="runs with onnx; its formats: paddle-json"):
        choose(Bundle(bundle.folder, only), "onnx")


def test_a_bundle_without_test_cases_is_served_all_the_same(bundle: Bundle) -> None:
    from seatrial.deliverables._oci.contents import settings

    files = tuple(each for each in bundle.manifest.files if each.role != "test")
    bare = Bundle(bundle.folder, replace(bundle.manifest, files=files))
    assert yaml.safe_load(settings(bare, choose(bare)))["models"]["network"]["golden"] == "auto"


def test_a_changed_bundle_is_refused(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    made = parts(bundle, tmp_path / "x")
    path = bundle.folder / "models" / "onnx"
    file = next(path.iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(TrustError, match="changed"):
        build_image(made, tmp_path / "x", progress=quiet)


def test_a_bundle_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)

    def meddle(text: str) -> None:
        if text.startswith("server"):
            (bundle.folder / "contract.yaml").write_bytes(
                b"x" * (bundle.folder / "contract.yaml").stat().st_size
            )

    with pytest.raises(TrustError, match="changed while the image was made"):
        build_image(parts(bundle, tmp_path / "x"), tmp_path / "x", progress=meddle)


@pytest.mark.parametrize(
    ("name", "expected"), [("Digits_v2", "digits-v2:1.0.0"), ("a..b-", "a-b:1.0.0"), ("数字x", "x:1.0.0")]
)
def test_names_are_made_fit_for_registries(bundle: Bundle, name: str, expected: str) -> None:
    assert default_name(Bundle(bundle.folder, replace(bundle.manifest, name=name))) == expected


def test_a_folder_that_is_there_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    made = image(bundle, tmp_path / "x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("1")
    with pytest.raises(UsageError, match="is there already"):
        write_folder(made, tmp_path / "out", "a:1")
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["mine"]


FULL = """
import resource, sys
from pathlib import Path
from test_image import archive, Bundle, network_bundle
from seatrial.errors import UsageError
bundle = network_bundle(Path(sys.argv[1]))
out = Path(sys.argv[1]) / "out" / "x.tar"
out.parent.mkdir()
from test_image import image, write_archive
made = image(bundle, Path(sys.argv[1]) / "blobs")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_archive(made, out, "a:1")
except UsageError as error:
    print(error.message)
"""


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The system refuses to write more, as a full disk does: in a process whose files may not grow."""
    tests = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": f"{tests}:{tests.parent}"}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written: File too large" in done.stdout
    assert not any((tmp_path / "out").iterdir())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
