"""What a request is for, by its path: what a key must allow."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote

from seatrial.serve.access.guard import Asked

_LONGEST_KEPT = 200


def words_of(path: str) -> Sequence[str]:
    """The words of a path; a client asks for few paths, and for each of them often."""
    return _kept_words(path) if len(path) < _LONGEST_KEPT else _words(path)


def asked_of(path: str) -> Asked:
    """What a path is for. It reads the path as the routes do, so that no spelling leads around a key."""
    return _kept_asked(path) if len(path) < _LONGEST_KEPT else _asked(path)


def _words(path: str) -> tuple[str, ...]:
    return tuple(unquote(each) for each in path.strip("/").split("/"))


def _asked(path: str) -> Asked:
    words = _words(path)
    match words:
        case ("v2", "health", "live" | "ready"):
            return Asked("health")
        case ("v2", "models", name, *rest):
            return Asked("infer" if rest[-1:] == ["infer"] else "metadata", name)
        case ("v2",):
            return Asked("metadata")
        case ("v1", "models", name, "predict"):
            return Asked("predict", name)
        case ("v1", "models", name) if name.endswith(":predict"):
            return Asked("predict", name.removesuffix(":predict"))
        case ("v1", "models", name, *_) | ("v2", "repository", "models", name, *_):
            return Asked("manage", name)
        case ("v1" | "v2", *_):
            return Asked("manage")
        case ("metrics", *_):
            return Asked("metrics")
        case ("docs" | "openapi.json", *_):
            return Asked("docs")
        case (name, "prediction"):
            return Asked("predict", name)
    return Asked("other")


_kept_words = lru_cache(maxsize=512)(_words)
_kept_asked = lru_cache(maxsize=512)(_asked)
