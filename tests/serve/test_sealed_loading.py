"""A sealed version that cannot be served leaves nothing in memory; one that can gives it back at its end."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from seatrial.errors import EngineFailure, TrustError, UsageError
from seatrial.model.bundle import Bundle
from seatrial.runtimes import available_runtimes
from seatrial.serve import model as model_module
from seatrial.serve.settings import Model
from seatrial.serve.versions.bundles import open_served
from seatrial.serve.versions.layout import find_versions
from seatrial.serve.versions.loading import load_version, name_for
from seatrial.trust.sealing import seal
from seatrial.trust.unsealing import content_key_of
from support.handovers import network_bundle

HOLDER = X25519PrivateKey.from_private_bytes(b"h" * 32)
OPENER = partial(content_key_of, private=HOLDER)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("sealed")
    return seal(network_bundle(folder), folder / "out", [HOLDER.public_key()])


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders of links are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_has_a_name_without_being_opened(sealed: Bundle, memory: Path) -> None:
    assert name_for(sealed.folder) == "network"
    assert [each.version for each in find_versions(sealed.folder)] == ["1.0.0"]
    assert not list(memory.iterdir())


def test_what_is_opened_is_given_back(sealed: Bundle, memory: Path) -> None:
    opened = open_served(sealed.folder, "auto", OPENER)
    assert available_runtimes(opened.artifact)
    assert opened.contract.name == "network"
    assert opened.source == "of the bundle network@1.0.0, unsealed in memory"
    assert len(list(memory.iterdir())) == 1
    opened.release()
    assert not list(memory.iterdir())


def test_without_a_key_or_with_another_it_is_not_opened(sealed: Bundle, memory: Path) -> None:
    with pytest.raises(UsageError, match=r"network@1.0.0 is sealed"):
        open_served(sealed.folder, "auto")
    other = partial(content_key_of, private=X25519PrivateKey.from_private_bytes(b"o" * 32))
    with pytest.raises(TrustError, match="wrong key"):
        open_served(sealed.folder, "auto", other)
    assert not list(memory.iterdir())


async def test_an_engine_that_does_not_load_it_leaves_nothing(
    sealed: Bundle, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        assert len(list(memory.iterdir())) == 1
        raise EngineFailure("it cannot be loaded", kind="exception")

    monkeypatch.setattr(model_module, "_session", refuses)
    (found,) = find_versions(sealed.folder)
    with pytest.raises(EngineFailure, match="cannot be loaded"):
        await load_version("network", found, Model(path=sealed.folder), None, like=None, opener=OPENER)
    assert not list(memory.iterdir())


async def test_test_cases_that_are_required_and_damaged_leave_nothing(
    sealed: Bundle, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = find_versions(sealed.folder)
    monkeypatch.setattr("seatrial.serve.versions.loading.cases_of", _damaged)
    with pytest.raises(UsageError, match="damaged"):
        await load_version("network", found, Model(path=sealed.folder), None, like=None, opener=OPENER)
    assert not list(memory.iterdir())


def _damaged(*_: object) -> None:
    raise UsageError("damaged")
