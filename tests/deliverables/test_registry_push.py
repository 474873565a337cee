"""The client of the distribution specification, against a registry that misbehaves."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.deliverables._oci import registry as registries
from seatrial.deliverables._oci.base import base_from_registry
from seatrial.deliverables._oci.blob import MANIFEST, Blob, Package, blob_of, json_blob
from seatrial.deliverables._oci.line import Line, line_to
from seatrial.deliverables._oci.reference import Reference, image_name, reference
from seatrial.deliverables._oci.registry import Registry
from seatrial.errors import NotFound, SeatrialError, TrustError, Unavailable, UsageError
from support.bases import tiny_base
from support.certificates import Authority
from support.fake_registry import Shelf, fake_registry

GOOD, BAD = "secret", "wrong"
LINE = Line(plain_http=True, timeout=5, pause=lambda _seconds: None)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def host(shelf: Shelf) -> Iterator[str]:
    with fake_registry(shelf) as address:
        yield address


def package(tmp_path: Path, size: int = 5000) -> Package:
    data = os.urandom(size)
    file = tmp_path / "blob"
    file.write_bytes(data)
    large = Blob("application/x", "sha256:" + hashlib.sha256(data).hexdigest(), size, file)
    config = blob_of(b"{}", "application/y")
    said = {"schemaVersion": 2, "config": config.descriptor(), "layers": [large.descriptor()]}
    return Package(json_blob(said, MANIFEST), (config, large, large))


def pushed(host: str, made: Package, line: Line = LINE, told: list[str] | None = None) -> str:
    with Registry(reference(f"{host}/team/x:1"), line) as registry:
        return registry.push(made, progress=(told if told is not None else []).append)


def test_what_is_pushed_is_there_and_is_not_sent_again(tmp_path: Path, host: str, shelf: Shelf) -> None:
    made = package(tmp_path)
    assert pushed(host, made) == made.digest
    assert set(shelf.blobs) == {each.digest for each in made.blobs}
    assert shelf.manifests["1"] == (MANIFEST, made.manifest.content)
    shelf.seen.clear()
    told: list[str] = []
    pushed(host, made, told=told)
    assert [each.split()[0] for each, _ in shelf.seen] == ["HEAD", "HEAD", "PUT"]
    assert all("is there already" in each for each in told)


@pytest.mark.parametrize(
    "broken", [[], ["PATCH uploads"], ["PATCH state=2", "PATCH state=1"], ["GET uploads", "PATCH u"]]
)
def test_a_large_blob_goes_in_chunks_and_on_after_a_break(
    tmp_path: Path, host: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, broken: list[str]
) -> None:
    monkeypatch.setattr(registries, "CHUNK", 1000)
    shelf.broken += broken
    made = package(tmp_path, 4321)
    assert pushed(host, made) == made.digest
    assert not shelf.broken
    assert made.blobs[1].digest in shelf.blobs


@pytest.mark.parametrize("what", ["HEAD blobs", "POST uploads", "PUT uploads", "PUT manifests"])
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_registry_is_asked_again(
    tmp_path: Path, host: str, shelf: Shelf, what: str, status: int
) -> None:
    shelf.answers += [(what, status), (what, status)]
    assert pushed(host, package(tmp_path))
    assert not shelf.answers


def test_a_registry_that_stays_busy_is_given_up(tmp_path: Path, host: str, shelf: Shelf) -> None:
    shelf.answers += [("HEAD blobs", 503)] * registries.TRIES
    with pytest.raises(Unavailable, match="does not answer: 503"):
        pushed(host, package(tmp_path))


def test_nobody_there(tmp_path: Path) -> None:
    waits: list[float] = []
    with pytest.raises(Unavailable, match="does not answer"):
        pushed("127.0.0.1:1", package(tmp_path), replace(LINE, pause=waits.append))
    assert waits == sorted(waits)
    assert len(waits) == registries.TRIES - 1


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_refusal_is_told_and_not_tried_again(tmp_path: Path, host: str, shelf: Shelf, status: int) -> None:
    shelf.answers += [("POST uploads", status)] * 2
    with pytest.raises(UsageError, match="not now"):
        pushed(host, package(tmp_path))
    assert len(shelf.answers) == 1


@pytest.mark.parametrize("token", [False, True], ids=["basic", "token"])
def test_a_login_is_given_when_it_is_asked_for(
    tmp_path: Path, host: str, shelf: Shelf, *, token: bool
) -> None:
    shelf.login, shelf.token = f"me:{GOOD}", token
    assert pushed(host, package(tmp_path), replace(LINE, user="me", password=GOOD))
    assert shelf.seen[0][1] == ""
    for line in (LINE, replace(LINE, user="me", password=BAD)):
        with pytest.raises(UsageError, match="does not let us") as caught:
            pushed(host, package(tmp_path), line)
        assert "docker login" in caught.value.hint
        assert "wrong" not in repr(line) + caught.value.message.replace("wrong password", "")


def test_the_login_is_not_sent_to_another_place(tmp_path: Path, host: str, shelf: Shelf) -> None:
    """A registry may send us to a storage of somebody else's; that one does not get the password."""
    data = b"of the storage"
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    other = Shelf(blobs={digest: data})
    with (
        fake_registry(other) as elsewhere,
        Registry(reference(f"{host}/x:1"), replace(LINE, user="me")) as line,
    ):
        shelf.login, shelf.elsewhere, shelf.blobs[digest] = "me:", f"http://{elsewhere}", data
        line.fetch(digest, len(data), tmp_path / "blob")
    assert (tmp_path / "blob").read_bytes() == data
    assert shelf.seen[-1][1]
    assert other.seen == [(f"GET /there/{digest}", "")]


@pytest.mark.parametrize("token", [False, True], ids=["basic", "token"])
def test_another_place_that_asks_for_the_login_does_not_get_it(
    tmp_path: Path, host: str, shelf: Shelf, *, token: bool
) -> None:
    data = b"of the storage"
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    other = Shelf(blobs={digest: data}, login=f"me:{GOOD}", token=token, closed=True)
    with (
        fake_registry(other) as elsewhere,
        Registry(reference(f"{host}/x:1"), replace(LINE, user="me", password=GOOD)) as line,
    ):
        shelf.elsewhere, shelf.blobs[digest] = f"http://{elsewhere}", data
        with pytest.raises(UsageError, match="does not let us"):
            line.fetch(digest, len(data), tmp_path / "blob")
    assert {said for _, said in other.seen} == {""}


@pytest.mark.parametrize("status", ["401 No", "307 There"])
def test_a_refusal_without_end_is_not_read_to_its_end(tmp_path: Path, status: str) -> None:
    sent = []

    def answer(listener: socket.socket) -> None:
        with suppress(OSError), listener.accept()[0] as line:
            line.recv(65536)
            line.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {64 << 20}\r\n\r\n".encode())
            for _ in range(64):
                line.sendall(bytes(1 << 20))
                sent.append(1 << 20)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        where = reference(f"127.0.0.1:{listener.getsockname()[1]}/x:1")
        with Registry(where, LINE) as line, pytest.raises((UsageError, Unavailable)):
            line.fetch("sha256:" + "0" * 64, 1, tmp_path / "blob")
        thread.join()
    assert sum(sent) < 40 << 20


def test_bytes_are_believed_by_their_digest_alone(tmp_path: Path, host: str, shelf: Shelf) -> None:
    made = package(tmp_path)
    pushed(host, made)
    shelf.lies = True
    blob = made.blobs[1]
    with Registry(reference(f"{host}/team/x:1"), LINE) as registry:
        with pytest.raises(TrustError, match="other bytes"):
            registry.fetch(blob.digest, blob.size, tmp_path / "back")
        with pytest.raises(TrustError, match="more than"):
            registry.fetch(blob.digest, blob.size - 1, tmp_path / "back")
        shelf.manifests[made.digest] = (MANIFEST, b"{}")
        with pytest.raises(TrustError, match="expected"):
            registry.manifest(made.digest)
        with pytest.raises(NotFound, match="has no"):
            registry.manifest("2")


def test_a_base_comes_from_a_registry_by_its_digest(tmp_path: Path, host: str, shelf: Shelf) -> None:
    folder = tiny_base(tmp_path / "base")
    for each in (folder / "blobs" / "sha256").iterdir():
        shelf.blobs[f"sha256:{each.name}"] = each.read_bytes()
    listed = json.loads((folder / "index.json").read_text())["manifests"][0]
    shelf.manifests[listed["digest"]] = (MANIFEST, shelf.blobs[listed["digest"]])
    (tmp_path / "blobs").mkdir()
    with Registry(reference(f"{host}/python@{listed['digest']}"), LINE) as registry:
        base = base_from_registry(registry, "python", listed["digest"], "amd64", tmp_path / "blobs")
    assert (base.digest, base.version) == (listed["digest"], (3, 11))


def test_tls_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.signs("server")
    with fake_registry(Shelf(), (pair.certificate, pair.key)) as address:
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            pushed(address, package(tmp_path), replace(LINE, plain_http=False))
        known = ssl.create_default_context(cafile=str(authority.own.certificate))
        assert pushed(address, package(tmp_path), replace(LINE, plain_http=False, context=known))


def test_credentials_come_from_the_environment_or_from_docker(tmp_path: Path) -> None:
    kept = {"auths": {"h:1": {"auth": base64.b64encode(b"me:pass:word").decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(kept))
    docker = {"DOCKER_CONFIG": str(tmp_path)}
    found = line_to("h:1", plain_http=False, environment=docker)
    assert (found.user, found.password) == ("me", "pass:word")
    assert line_to("other", plain_http=False, environment=docker).user == ""
    said = {**docker, "SEATRIAL_REGISTRY_USER": "you", "SEATRIAL_REGISTRY_PASSWORD": "p"}
    assert line_to("h:1", plain_http=False, environment=said).user == "you"
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        line_to("h:1", plain_http=False, environment=docker)


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h.example/a/b:1", Reference("h.example", "a/b", "1")),
        ("localhost/a", Reference("localhost", "a")),
        ("127.0.0.1:5000/a:1", Reference("127.0.0.1:5000", "a", "1")),
        ("[::1]:5000/a", Reference("[::1]:5000", "a")),
        (f"h:5/a:t@{DIGEST}", Reference("h:5", "a", "t", DIGEST)),
        ("team/a:1", Reference("given", "team/a", "1")),
        (f"python:3.11-slim@{DIGEST}", Reference("given", "python", "3.11-slim", DIGEST)),
    ],
    ids=str,
)
def test_names_of_images(text: str, expected: Reference) -> None:
    assert reference(text, host="given") == expected


@pytest.mark.parametrize(
    "text", ["", "h.example/A:1", "h.example/a:", "h.example/a@sha256:12", "h/../a", "a b", "h.e/a//b"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no name of an image"):
        reference(text, host="given")


def test_a_name_without_a_registry_says_so() -> None:
    with pytest.raises(UsageError, match="names no registry") as caught:
        reference("python:3.11")
    assert "SEATRIAL_REGISTRY" in caught.value.hint


def test_docker_is_told_a_name_with_a_tag() -> None:
    assert image_name("a") == "a:latest"
    assert image_name("h:5/a:1") == "h:5/a:1"
    with pytest.raises(SeatrialError):
        image_name(f"a@{DIGEST}")
