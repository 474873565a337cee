"""`seatrial image` as a user calls it: the errors quickly, the real thing on real peers slowly.

The slow tests want Debian's mmdebstrap, skopeo, umoci, runc and docker-registry (apt-get install), and root.
"""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seatrial.cli.main import main
from seatrial.model.bundle import Bundle
from seatrial.serve.client import Client
from support.bases import Layout, tiny_base
from support.containers import free_port, need, prepare, running, told, unpack, wait_ready
from support.fake_registry import Shelf, fake_registry
from support.handovers import network_bundle
from support.real_bundles import real_bundle
from support.side import SIDE

NO_DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return network_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that nothing comes out of a cache."""
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("SEATRIAL_REGISTRY", raising=False)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = main(["image", *map(str, arguments)])
    return code, capsys.readouterr().err


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "x.tar", "--base", "python:3.11"], 2, "names no registry"),
        (["-o", "x.tar", "--base", "127.0.0.1:1/python:3.11"], 2, "without its digest"),
        (["-o", "x.tar", "--base", f"127.0.0.1:1/python@{NO_DIGEST}", "--plain-http"], 5, "does not answer"),
        (["-o", "x.tar", "--base", "oci:nothing"], 2, "no OCI layout nothing"),
        (["-o", "x.tar", "--extra", "torch"], 2, "runs with torch"),
        (["-o", "x.tar", "--extra", "onnx", "--extra", "paddle"], 2, "one runtime"),
        (["-o", "x.tar", "--name", "Not A Name"], 2, "no name of an image"),
        ([], 2, "no place to put the image"),
    ],
    ids=["no-registry", "no-digest", "nobody-there", "no-layout", "extra", "two-extras", "name", "no-place"],
)
def test_a_bad_call_says_what_to_do(
    bundle: Bundle,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("seatrial.deliverables._oci.registry.TRIES", 1)
    found, said = refused(capsys, bundle.folder, *arguments)
    assert (found, message in said) == (code, True), said
    assert "Traceback" not in said
    assert not [each for each in home.iterdir() if each.name.endswith(".tar")]


@pytest.mark.usefixtures("home")
def test_bases_that_do_not_fit(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arm = tiny_base(tmp_path / "arm", architecture="arm64")
    code, said = refused(capsys, bundle.folder, "-o", tmp_path / "x.tar", "--base", f"oci:{arm}")
    assert (code, "no image for amd64; it lists: arm64" in said) == (2, True), said
    layout = Layout(tmp_path / "bare")
    bare = layout.index(layout.image([[("lib/libc.so.6", b"")]]))
    code, said = refused(capsys, bundle.folder, "-o", tmp_path / "x.tar", "--base", f"oci:{bare}")
    assert (code, "has no Python" in said) == (2, True), said
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.usefixtures("home")
def test_what_is_no_bundle_or_was_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(capsys, tmp_path, "-o", tmp_path / "x.tar")
    assert (code, "is no bundle" in said) == (2, True), said
    changed = network_bundle(tmp_path)
    (changed.folder / "report" / "report.json").write_text("{}")
    code, said = refused(capsys, changed.folder, "-o", tmp_path / "x.tar")
    assert (code, "changed: report/report.json" in said) == (4, True), said


@pytest.mark.usefixtures("home")
def test_registries_that_do_not_want_us(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.deliverables._oci.registry.TRIES", 1)
    shelf = Shelf(login="me:secret")
    with fake_registry(shelf) as host:
        call = (bundle.folder, "--artifact", "--push", f"{host}/net:1", "--plain-http")
        code, said = refused(capsys, *call)
        assert (code, "does not let us" in said, "docker login" in said) == (2, True, True), said
        monkeypatch.setenv("SEATRIAL_REGISTRY_USER", "me")
        monkeypatch.setenv("SEATRIAL_REGISTRY_PASSWORD", "secret")
        shelf.answers.append(("PUT manifests", 500))
        code, said = refused(capsys, *call)
        assert (code, "does not answer: 500" in said, "secret" in said) == (5, True, False), said
        assert refused(capsys, *call)[0] == 0
        assert json.loads(shelf.manifests["1"][1])["annotations"]["seatrial.bundle.digest"] == bundle.digest


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return real_bundle(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def archive(served: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of the network on Debian; base and dependencies are made once a machine."""
    need("mmdebstrap", "skopeo", "umoci", "runc")
    out = tmp_path_factory.mktemp("image") / "network.tar"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEATRIAL_HOME", str(SIDE))
        assert main(["image", str(served.folder), "-o", str(out), "--extra", "onnx"]) == 0
    return out


@pytest.fixture(scope="module")
def container(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(archive, tmp_path_factory.mktemp("container"))


@pytest.mark.slow
def test_the_image_runs_without_rights_on_a_read_only_root(container: Path, served: Bundle) -> None:
    port = free_port()
    prepare(container, "--port", str(port), "--grpc-port", str(free_port()))
    with running(container) as process:
        wait_ready(port, process)
        vector = json.loads(served.read("samples/vectors.json"))["vectors"][0]
        feeds, outputs = (
            {name: np.load(served.folder / "samples" / path) for name, path in vector[what].items()}
            for what in ("feeds", "outputs")
        )
        with Client(f"http://127.0.0.1:{port}") as client:
            answer = client.infer("network", feeds)
        for name, expected in outputs.items():
            np.testing.assert_allclose(answer.outputs[name], expected, atol=1e-5)
        process.terminate()
        assert process.wait(20) == 0


@pytest.mark.slow
def test_the_image_proves_itself_and_does_not_start_when_it_cannot(container: Path) -> None:
    prepare(container, replace=["/selftest"])
    with running(container) as process:
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, "passed network 1.0.0" in said) == (0, True), said
    root = container / "rootfs" / "bundle"
    cases = next(root.glob("test_cases/expected_outputs.npz"))
    manifest = root / "manifest.json"
    kept, listed = cases.read_bytes(), manifest.read_bytes()
    try:
        with np.load(cases) as arrays:
            np.savez(cases, **{name: arrays[name] + 1 for name in arrays.files})
        _listed_anew(manifest, cases)
        for command in (["/selftest"], None):
            prepare(container, replace=command)
            with running(container) as process:
                said, _ = process.communicate(timeout=60)
            assert process.returncode != 0
            assert "golden test" in said, said
    finally:
        cases.write_bytes(kept)
        manifest.write_bytes(listed)


def _listed_anew(manifest: Path, changed: Path) -> None:
    """The manifest as if the changed file had been handed over: only the golden test can tell."""
    from dataclasses import replace

    from seatrial.model.formats._digest import sha256_of
    from seatrial.model.manifest import read_manifest

    read = read_manifest(manifest.read_bytes())
    name = changed.relative_to(manifest.parent).as_posix()
    files = tuple(
        replace(each, size=changed.stat().st_size, sha256=f"sha256:{sha256_of(changed)}")
        if each.path == name
        else each
        for each in read.files
    )
    manifest.write_bytes(replace(read, files=files).to_bytes())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry on this machine."""
    need("docker-registry", "skopeo")
    port = free_port()
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (tmp_path / "registry.yml").write_text(json.dumps(settings))
    process = subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "registry.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(100):
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


@pytest.mark.slow
def test_a_real_registry_takes_it_and_a_real_client_fetches_it(
    served: Bundle, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seatrial.deliverables._oci.transfer import pull_bundle

    need("mmdebstrap")
    monkeypatch.setenv("SEATRIAL_HOME", str(SIDE))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    archive = tmp_path / "network.tar"
    push = ["image", str(served.folder), "--extra", "onnx", "--plain-http", "--push"]
    assert main([*push, f"{registry}/team/network:1.0.0", "-o", str(archive)]) == 0
    local = json.loads(told("skopeo", "inspect", f"oci-archive:{archive}"))
    there = json.loads(
        told("skopeo", "inspect", "--tls-verify=false", f"docker://{registry}/team/network:1.0.0")
    )
    assert (there["Digest"], there["Layers"]) == (local["Digest"], local["Layers"])
    told(
        "skopeo",
        "copy",
        "-q",
        "--src-tls-verify=false",
        f"docker://{registry}/team/network:1.0.0",
        f"oci:{tmp_path}/back:1",
    )
    index = json.loads((tmp_path / "back" / "index.json").read_text())
    assert index["manifests"][0]["digest"] == local["Digest"]
    assert main([*push, f"{registry}/team/bundle:1", "--artifact"]) == 0
    back = pull_bundle(f"{registry}/team/bundle:1", tmp_path / "into", plain_http=True, progress=print)
    assert back.digest == served.digest


@pytest.mark.slow
def test_a_second_image_has_the_same_bytes(
    served: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("mmdebstrap")
    monkeypatch.setenv("SEATRIAL_HOME", str(SIDE))
    one, two = tmp_path / "one.tar", tmp_path / "two" / "again.tar"
    for each in (one, two):
        assert main(["image", str(served.folder), "-o", str(each), "--extra", "onnx"]) == 0
    with one.open("rb") as first, two.open("rb") as second:
        sums = {hashlib.file_digest(each, "sha256").hexdigest() for each in (first, second)}
    assert len(sums) == 1


@pytest.mark.slow
def test_an_image_for_another_machine_has_nothing_of_this_one(
    served: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of the packages are enough to see that they come for the machine that was named."""
    need("mmdebstrap", "skopeo", "umoci")
    monkeypatch.setattr("seatrial.deliverables._oci.dependencies.SERVER", ("orjson", "pyyaml", "psutil"))
    monkeypatch.setattr("seatrial.deliverables._oci.dependencies.EXTRAS", {"onnx": ()})
    monkeypatch.setenv("SEATRIAL_HOME", str(tmp_path))
    arm = ["image", str(served.folder), "-o", str(tmp_path / "arm.tar"), "--extra", "onnx", "--arch", "arm64"]
    assert main(arm) == 0
    config = json.loads(told("skopeo", "inspect", "--config", f"oci-archive:{tmp_path / 'arm.tar'}"))
    assert config["architecture"] == "arm64"
    root = unpack(tmp_path / "arm.tar", tmp_path / "arm") / "rootfs"
    programs = [root / "usr/bin/python3.11", *root.rglob("*.so*")]
    machines = {each.read_bytes()[18:20] for each in programs if each.is_file() and not each.is_symlink()}
    assert len(programs) > 50
    assert machines == {b"\xb7\x00"}  # EM_AARCH64


@pytest.mark.slow
def test_a_process_that_is_called_in_the_image_has_nothing_of_the_workshop(container: Path) -> None:
    prepare(container, replace=["/opt/seatrial/bin/seatrial", "--version"])
    with running(container) as process:
        said, _ = process.communicate(timeout=30)
    assert (process.returncode, "seatrial, version" in said) == (0, True), said
    prepare(container, replace=["/opt/seatrial/bin/seatrial", "check", "/bundle/models/onnx"])
    with running(container) as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "Traceback" not in said, said
