"""The listing of a bundle: every file with its role, size and digest, in one canonical form.

`manifest.json` is UTF-8 JSON with sorted keys, no spaces and no fractions, so that equal bundles have equal
bytes; its sha256 is the bundle's digest, wherever the bundle lies: folder, archive, OCI artifact or image.
The listing does not name itself nor what lies in `signatures/`, which speaks of it.

    {"format": "seatrial/bundle/1", "name": "digits", "version": "1.0.0", "created": "2026-11-21T00:00:00Z",
     "models": [{"format": "onnx", "graph": "models/onnx/model.onnx", "digest": "sha256:..."}],
     "files": [{"path": "contract.yaml", "role": "contract", "media_type": "application/yaml",
                "size": 812, "sha256": "sha256:..."}]}

Fields that this version does not know are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from seatrial.errors import TrustError, UsageError

FORMAT = "seatrial/bundle/1"
NAME = "manifest.json"
SIGNATURES = "signatures"  # the one folder that is not listed
MOST_BYTES = 32 << 20  # of a manifest; a million files fit

Role = Literal[
    "model",  # a file of a model, in `models/FORMAT/`
    "contract",  # `contract.yaml`
    "labels",  # labels, vocabulary, dictionary: what the contract names beside itself
    "config",  # the training's own configuration, as given
    "report",  # of the ten checks
    "document",  # for people
    "sdk",  # source code in one language
    "sample",  # payloads as people have them, and what must come of them
    "test",  # `test_cases/`
    "deployment",  # Kubernetes, Compose, systemd
    "sbom",  # what it is made of
    "other",
]
ROLES: tuple[str, ...] = get_args(Role)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_HINT = "this is no bundle of Seatrial, or it was changed: ask for it again"


@dataclass(frozen=True)
class FileEntry:
    """One file of a bundle.

    Attributes:
        path: Relative to the bundle, with `/`; never upwards.
        role: One of `ROLES`, or one that a later version knows.
        media_type: Such as `text/markdown`.
        size: Bytes.
        sha256: `sha256:` and 64 hexadecimal digits, of the bytes.
        extra: What else is said of it.
    """

    path: str
    role: str
    media_type: str
    size: int
    sha256: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelEntry:
    """One model of a bundle; all models of a bundle answer alike.

    Attributes:
        format: Such as `onnx` or `paddle-json`.
        graph: Path of the graph file in the bundle.
        digest: Of the artifact, as `Artifact.digest`.
        extra: What else is said of it.
    """

    format: str
    graph: str
    digest: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What a bundle is and what is in it.

    Attributes:
        name: Of the model.
        version: Of the bundle, such as `1.0.0`.
        created: UTC, whole seconds; when the report was made, so that it does not change from build to build.
        models: The preferred one first.
        files: By path.
        extra: What else is said, such as `report`, `previous`, `sealed`.
    """

    name: str
    version: str
    created: datetime
    models: tuple[ModelEntry, ...]
    files: tuple[FileEntry, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def release(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def to_bytes(self) -> bytes:
        """The canonical form."""
        return canonical(
            {
                **self.extra,
                "format": FORMAT,
                "name": self.name,
                "version": self.version,
                "created": self.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "models": [
                    {**each.extra, "format": each.format, "graph": each.graph, "digest": each.digest}
                    for each in self.models
                ],
                "files": [
                    {
                        **each.extra,
                        "path": each.path,
                        "role": each.role,
                        "media_type": each.media_type,
                        "size": each.size,
                        "sha256": each.sha256,
                    }
                    for each in sorted(self.files, key=lambda each: each.path)
                ],
            }
        )

    @property
    def digest(self) -> str:
        """`sha256:...` of the canonical form: the address of the bundle's content."""
        return "sha256:" + hashlib.sha256(self.to_bytes()).hexdigest()

    def file(self, path: str) -> FileEntry | None:
        """The entry of a path."""
        return next((each for each in self.files if each.path == path), None)

    def of_role(self, role: str) -> tuple[FileEntry, ...]:
        """The files of a role."""
        return tuple(each for each in self.files if each.role == role)


def canonical(document: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal documents have equal bytes.

    Raises:
        UsageError: There is a fraction in it, which not everybody writes the same way.
    """
    _no_fractions(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_manifest(data: bytes) -> Manifest:
    """A manifest from its bytes.

    Raises:
        TrustError: It is damaged, not in the canonical form, or names a path outside the bundle.
        UsageError: It is of a version that this Seatrial does not know.
    """
    if len(data) > MOST_BYTES:
        raise TrustError(f"{NAME} has {len(data)} bytes, more than {MOST_BYTES}", hint=_HINT)
    try:
        read = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TrustError(f"{NAME} is no JSON: {error}", hint=_HINT) from error
    said = read.get("format") if isinstance(read, dict) else None
    if not isinstance(said, str) or not said.startswith("seatrial/bundle/"):
        raise TrustError(f"{NAME} does not say that it lists a bundle", hint=_HINT)
    if said != FORMAT:
        raise UsageError(
            f"the bundle is of the format {said!r}, and this version reads {FORMAT!r}",
            hint="take the version of Seatrial that wrote it",
        )
    try:
        manifest = _manifest(read)
    except (KeyError, TypeError, ValueError) as error:
        raise TrustError(f"{NAME}: {type(error).__name__}: {error}", hint=_HINT) from error
    if manifest.to_bytes() != data:
        raise TrustError(f"{NAME} is not in the canonical form", hint=_HINT)
    return manifest


def checked_name(text: str, what: str) -> str:
    """A name or version that is safe in file names, image names and addresses.

    Raises:
        UsageError: It is not.
    """
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"{what} '{text[:120]}' cannot be used: letters, digits, '.', '_' and '-', at most 100",
            hint="such as digits and 1.0.0",
        )
    return text


def safe_path(path: str) -> str:
    """A path that stays in its bundle, in its one spelling.

    Raises:
        ValueError: It leads elsewhere, or could be written otherwise.
    """
    pure = PurePosixPath(path)
    odd = any(ord(each) < 32 or each in '\\:*?"<>|\x7f' for each in path)
    if not path or odd or pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == ".":
        raise ValueError(f"the path {path!r} does not stay in the bundle")
    return path


def _manifest(read: dict[str, Any]) -> Manifest:
    taken = dict(read)
    taken.pop("format")
    files = tuple(_file(each) for each in _list(taken.pop("files")))
    paths = [each.path for each in files]
    if len(set(paths)) != len(paths):
        raise ValueError("a path is there twice")
    if any(path == NAME or path.split("/")[0] == SIGNATURES for path in paths):
        raise ValueError("it lists itself or what speaks of it")
    models = tuple(_model(each, set(paths)) for each in _list(taken.pop("models")))
    created = datetime.strptime(taken.pop("created"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    name, version = str(taken.pop("name")), str(taken.pop("version"))
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(version):
        raise ValueError(f"{name!r} version {version!r} is no name")
    return Manifest(name, version, created, models, files, taken)


def _file(read: Any) -> FileEntry:
    taken = dict(read)
    size = taken.pop("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{size!r} is no size")
    return FileEntry(
        safe_path(taken.pop("path")),
        str(taken.pop("role")),
        str(taken.pop("media_type")),
        size,
        _digest(taken.pop("sha256")),
        taken,
    )


def _model(read: Any, paths: set[str]) -> ModelEntry:
    taken = dict(read)
    graph = safe_path(taken.pop("graph"))
    if graph not in paths:
        raise ValueError(f"the model {graph} is not among the files")
    return ModelEntry(str(taken.pop("format")), graph, _digest(taken.pop("digest")), taken)


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is no digest")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__}, expected a list")
    return value


def _no_fractions(value: Any) -> None:
    if isinstance(value, float):
        raise UsageError(f"{value!r} is a fraction: write it as text")
    if isinstance(value, Mapping):
        for each in value.values():
            _no_fractions(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _no_fractions(each)
