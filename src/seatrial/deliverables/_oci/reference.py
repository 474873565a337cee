"""Names of images in registries: `HOST[:PORT]/PATH[:TAG][@sha256:...]`.

Source: OCI Distribution Specification 1.1, "Pulling manifests" (the allowed names and tags).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seatrial.errors import UsageError

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(
    r"(?:(?P<host>(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?)/)?"
    rf"(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Reference:
    """Where an image lies.

    Attributes:
        host: Of the registry, with its port when it has its own.
        path: In the registry.
        tag: Or empty.
        digest: `sha256:...`, or empty.
    """

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.path}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def address(self) -> str:
        """What a manifest is asked for by: the digest, else the tag."""
        return self.digest or self.tag or "latest"


def reference(text: str, *, host: str = "") -> Reference:
    """Reads the name of an image.

    Args:
        text: As a person writes it.
        host: Of the registry when the text names none.

    Raises:
        UsageError: It is no name, or names no registry.
    """
    found = _NAME.fullmatch(text)
    if found is None or len(text) > 512:
        raise UsageError(
            f"'{text[:200]}' is no name of an image",
            hint="such as registry.example:5000/team/digits:1.0.0, in small letters",
        )
    given, path = found["host"] or "", found["path"]
    if given and not re.search(r"[.:\[]", given) and given != "localhost":
        given, path = "", f"{given}/{path}"  # `team/digits`: a path, for it is no name of a machine
    if not (given or host):
        raise UsageError(
            f"'{text[:200]}' names no registry",
            hint=f"write HOST/{path}, or name the registry in SEATRIAL_REGISTRY",
        )
    return Reference(given or host, path, found["tag"] or "", found["digest"] or "")


def image_name(text: str) -> str:
    """A name for `docker load`, with a tag.

    Raises:
        UsageError: It is none.
    """
    named = reference(text, host="-")
    if named.digest:
        raise UsageError(f"'{text[:200]}' names a digest, which nobody can choose", hint="name a tag instead")
    return text if named.tag else f"{text}:latest"
