"""Certificates that are made for one test, with the `openssl` command."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates in a folder.

    Args:
        folder: For all files.
        name: Of the authority.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        self._folder = folder
        self.own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        _openssl(
            "req", "-x509", *_NEW, "-days", "2", "-subj", f"/CN={name}",
            "-keyout", self.own.key, "-out", self.own.certificate,
        )  # fmt: skip

    def signs(self, name: str, *, subject: str = "") -> Pair:
        """A new certificate for `name`, good on this machine."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, more = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        more.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("req", *_NEW, "-subj", subject or f"/CN={name}", "-keyout", pair.key, "-out", request)
        _openssl(
            "x509", "-req", "-days", "2", "-in", request, "-extfile", more, "-out", pair.certificate,
            "-CA", self.own.certificate, "-CAkey", self.own.key, "-CAcreateserial",
        )  # fmt: skip
        return pair


_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
