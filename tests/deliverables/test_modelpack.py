"""A bundle as a ModelPack artifact: the same content address everywhere, and nothing else comes out of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.deliverables._oci.blob import Blob, Package, blob_of, canonical, json_blob
from seatrial.deliverables._oci.layout import write_archive, write_folder
from seatrial.deliverables._oci.modelpack import ARTIFACT, modelpack, unpack_modelpack
from seatrial.deliverables._oci.transfer import pull_bundle, push_bundle
from seatrial.errors import TrustError, UsageError
from seatrial.model.bundle import Bundle
from support.bases import tar_of
from support.fake_registry import Shelf, fake_registry
from support.handovers import network_bundle


def quiet(_text: str) -> None:
    """Says nothing."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    made = network_bundle(tmp_path_factory.mktemp("bundles"))
    (made.folder / "signatures").mkdir()
    (made.folder / "signatures" / "bundle.dsse.json").write_text("{}")
    return made


def tree(folder: Path) -> dict[str, bytes]:
    return {
        each.relative_to(folder).as_posix(): each.read_bytes()
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


def test_what_is_pushed_comes_back_the_same(bundle: Bundle, tmp_path: Path) -> None:
    shelf = Shelf()
    with fake_registry(shelf) as host:
        digest = push_bundle(bundle, f"{host}/team/net:1", plain_http=True, progress=quiet)
        assert shelf.manifests["1"][1] == shelf.manifests[digest][1]
        back = pull_bundle(f"{host}/team/net@{digest}", tmp_path, plain_http=True, progress=quiet)
        with pytest.raises(UsageError, match="is there already"):
            pull_bundle(f"{host}/team/net:1", tmp_path, plain_http=True, progress=quiet)
    assert back.digest == bundle.digest
    assert back.folder == tmp_path / "network-1.0.0"
    assert tree(back.folder) == tree(bundle.folder)


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_layout_is_as_good_as_a_registry(bundle: Bundle, tmp_path: Path, kind: str) -> None:
    made = modelpack(bundle, tmp_path)
    if kind == "folder":
        write_folder(made, tmp_path / "out", "net:1")
    else:
        write_archive(made, tmp_path / "out", "net:1", docker=False)
    back = pull_bundle(f"oci:{tmp_path / 'out'}", tmp_path / "into", plain_http=False, progress=quiet)
    assert tree(back.folder) == tree(bundle.folder)


def test_the_addresses_are_those_of_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    made = modelpack(bundle, tmp_path)
    said = json.loads(made.manifest.content)
    layers = {each["annotations"]["org.cncf.model.filepath"]: each for each in said["layers"]}
    assert said["artifactType"] == ARTIFACT
    assert layers["manifest.json"]["digest"] == bundle.digest == said["annotations"]["seatrial.bundle.digest"]
    for each in bundle.manifest.of_role("model"):
        assert layers[each.path]["digest"] == each.sha256
    (tmp_path / "again").mkdir()
    assert modelpack(bundle, tmp_path / "again").digest == made.digest


class Held:
    """The blobs of a package, as a source."""

    def __init__(self, package: Package) -> None:
        self.blobs = {each.digest: each for each in (*package.blobs, package.manifest)}

    def document(self, digest: str) -> bytes:
        content = self.blobs[digest].content
        return content if isinstance(content, bytes) else content.read_bytes()

    def fetch(self, digest: str, size: int, target: Path) -> None:
        target.write_bytes(self.document(digest))


def rebuilt(package: Package, layers: list[Blob]) -> Package:
    said = json.loads(package.manifest.content)
    said["layers"] = [each.descriptor() for each in layers]
    return Package(json_blob(said, package.manifest.media_type), (package.blobs[0], *layers))


def taken(package: Package, into: Path) -> Bundle:
    return unpack_modelpack(Held(package).document(package.digest), Held(package), into, progress=quiet)


EVIL = "application/vnd.cncf.model.doc.v1.tar"


def evil(members: list[Any]) -> Blob:
    return blob_of(tar_of(members), EVIL, {"org.cncf.model.filepath": "document"})


def symlink(name: str) -> tarfile.TarInfo:
    told = tarfile.TarInfo(name)
    told.type, told.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return told


def sparse(name: str) -> Blob:
    """A file of 64 MiB of holes in a few hundred bytes."""
    told = tarfile.TarInfo(name)
    told.size, told.pax_headers = 1, {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(64 << 20)}
    data = told.tobuf(tarfile.PAX_FORMAT) + b"x" + bytes(511 + 1024)
    return blob_of(data, EVIL, {"org.cncf.model.filepath": "signatures"})


@pytest.mark.parametrize(
    "layer",
    [
        evil([("../out", b"x")]),
        sparse("signatures/big"),
        evil([("/etc/out", b"x")]),
        evil([("extra", b"x")]),
        evil([("signatures/../out", b"x")]),
        evil([symlink("labels.txt")]),
        evil([symlink("signatures/x")]),
        blob_of(b"x", "application/vnd.cncf.model.weight.v1.raw", {"org.cncf.model.filepath": "../out"}),
        blob_of(
            b"x", "application/vnd.cncf.model.weight.v1.raw", {"org.cncf.model.filepath": "contract.yaml"}
        ),
        blob_of(b"no tar" * 200, EVIL, {"org.cncf.model.filepath": "document"}),
    ],
    ids=[
        "upward",
        "bomb",
        "absolute",
        "extra",
        "through-signatures",
        "link",
        "link-signature",
        "raw-upward",
        "swapped",
        "no-tar",
    ],
)
def test_what_the_manifest_does_not_list_ends_it(bundle: Bundle, tmp_path: Path, layer: Blob) -> None:
    made = modelpack(bundle, tmp_path)
    with pytest.raises(TrustError):
        taken(rebuilt(made, [*made.blobs[1:], layer]), tmp_path / "into")
    assert not any((tmp_path / "into").iterdir())


def test_a_layer_that_is_missing_ends_it(bundle: Bundle, tmp_path: Path) -> None:
    made = modelpack(bundle, tmp_path)
    with pytest.raises(TrustError, match="missing"):
        taken(rebuilt(made, list(made.blobs[2:])), tmp_path / "into")


def test_an_artifact_of_others_is_no_bundle(bundle: Bundle, tmp_path: Path) -> None:
    made = modelpack(bundle, tmp_path)
    said = json.loads(made.manifest.content)
    del said["annotations"]
    with pytest.raises(UsageError, match="no bundle of Seatrial"):
        unpack_modelpack(canonical(said), Held(made), tmp_path / "into", progress=quiet)


def test_a_changed_bundle_is_not_packed(tmp_path: Path) -> None:
    bundle = network_bundle(tmp_path)
    (bundle.folder / "labels.txt").write_text("others")
    with pytest.raises(TrustError, match="changed"):
        modelpack(replace(bundle), tmp_path)


VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator
from modelpack_client.schema import CONFIG_SCHEMA
Draft202012Validator(CONFIG_SCHEMA).validate(json.load(sys.stdin))
"""


@pytest.mark.slow
def test_the_configuration_fits_modelpacks_own_schema(bundle: Bundle, tmp_path: Path) -> None:
    """`modelpack-client` is a peer: it lives in an environment of its own, made by hand when wanted."""
    from support.side import SIDE

    python = SIDE / "modelpack" / "bin" / "python"
    if not python.exists():
        pytest.skip(
            f"needs modelpack-client: {sys.executable} -m venv, then pip install modelpack-client==0.1.0"
        )
    made = modelpack(bundle, tmp_path)
    content = made.blobs[0].content
    assert isinstance(content, bytes)
    done = subprocess.run([python, "-c", VALIDATE], input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
