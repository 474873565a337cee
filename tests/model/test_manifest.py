"""The listing of a bundle: one form, nothing lost, nothing outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.errors import TrustError, UsageError
from seatrial.model.manifest import (
    FileEntry,
    Manifest,
    ModelEntry,
    canonical,
    checked_name,
    read_manifest,
    safe_path,
)

DIGEST = "sha256:" + "0" * 64
AT = datetime(2026, 11, 21, 5, 20, 11, tzinfo=UTC)

words = st.text(st.characters(categories=("L", "N"), exclude_characters="/"), min_size=1, max_size=8)
paths = st.lists(words, min_size=1, max_size=3).map("/".join)
plain = st.dictionaries(
    st.sampled_from(["later", "unknown", "previous"]), st.integers() | words | st.booleans(), max_size=3
)
files = st.builds(FileEntry, paths, words, words, st.integers(0, 1 << 50), st.just(DIGEST), plain)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    entries = {each.path: each for each in draw(st.lists(files, min_size=1, max_size=5))}
    graph = draw(st.sampled_from(sorted(entries)))
    models = (ModelEntry("onnx", graph, DIGEST, draw(plain)),)
    ordered = tuple(sorted(entries.values(), key=lambda each: each.path))
    return Manifest("name", "1.0.0", AT, models, ordered, draw(plain))


@given(manifests())
def test_nothing_is_lost_and_the_bytes_are_the_same(manifest: Manifest) -> None:
    assert read_manifest(manifest.to_bytes()) == manifest
    assert read_manifest(manifest.to_bytes()).digest == manifest.digest


def whole() -> dict[str, Any]:
    entry = {"path": "a/m.onnx", "role": "model", "media_type": "x/y", "size": 3, "sha256": DIGEST}
    return {
        "format": "seatrial/bundle/1",
        "name": "n",
        "version": "1",
        "created": "2026-11-21T00:00:00Z",
        "models": [{"format": "onnx", "graph": "a/m.onnx", "digest": DIGEST}],
        "files": [entry],
    }


def test_the_whole_one_is_read() -> None:
    assert read_manifest(canonical(whole())).release == "n@1"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../n"}, "is no name"),
        ({"version": ""}, "is no name"),
        ({"created": "2026-11-21"}, "does not match"),
        ({"models": [{"format": "onnx", "graph": "other", "digest": DIGEST}]}, "not among the files"),
        ({"models": {}}, "expected a list"),
        ({"files": []}, "not among the files"),
    ],
    ids=["name", "version", "time", "graph", "models", "no-files"],
)
def test_what_is_wrong_with_it(change: dict[str, Any], says: str) -> None:
    with pytest.raises(TrustError, match=says):
        read_manifest(canonical({**whole(), **change}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "../a/m.onnx"),
        ("path", "/etc/passwd"),
        ("path", "a//m.onnx"),
        ("path", "a/./m"),
        ("path", "a\\m"),
        ("path", "c:/m"),
        ("path", ""),
        ("path", "a\nb"),
        ("path", "manifest.json"),
        ("path", "signatures/x"),
        ("size", -1),
        ("size", True),
        ("size", "3"),
        ("sha256", "sha256:0"),
        ("sha256", "md5:" + "0" * 64),
    ],
)
def test_a_file_that_cannot_be(field: str, value: object) -> None:
    document = whole()
    document["files"].append({**document["files"][0], "path": "b", field: value})
    with pytest.raises(TrustError, match=r"manifest\.json: "):
        read_manifest(canonical(document))


def test_a_path_listed_twice() -> None:
    document = whole()
    document["files"] *= 2
    with pytest.raises(TrustError, match="there twice"):
        read_manifest(canonical(document))


def test_another_spelling_of_the_same_is_refused() -> None:
    with pytest.raises(TrustError, match="canonical"):
        read_manifest(json.dumps(whole()).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 3}', b"[" * 100_000, b"\xff"])
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(TrustError):
        read_manifest(data)


def test_a_version_from_the_future_says_so() -> None:
    with pytest.raises(UsageError, match="seatrial/bundle/9"):
        read_manifest(canonical({**whole(), "format": "seatrial/bundle/9"}))


def test_fractions_are_written_as_text() -> None:
    with pytest.raises(UsageError, match="fraction"):
        canonical({"a": [{"b": 0.5}]})


@pytest.mark.parametrize("text", ["", "a b", "ä", "-x", "x" * 101, "a/b"])
def test_names_that_cannot_be_used(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        checked_name(text, "the name")


@given(paths)
def test_paths_that_stay(path: str) -> None:
    assert safe_path(path) == path
