"""Models as commands name them: a model, a bundle, an archive of one, or a sealed one with its key."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seatrial.cli._passphrase import asked_passphrase, given_passphrase, passphrase_options
from seatrial.errors import UsageError

if TYPE_CHECKING:
    from seatrial.model import Artifact
    from seatrial.model.bundle import Bundle

# The content key of a sealed bundle, or a TrustError that says why not.
Opener = Callable[["Bundle"], bytes]
_HOW = "give --unseal-key CUSTOMER.key"


def unseal_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--unseal-key` and where its passphrase is, as `unseal_key`, `passphrase_file` and `passphrase_env`."""
    option = click.option(
        "--unseal-key", type=click.Path(path_type=Path), help="Private key that opens a sealed bundle."
    )
    return option(passphrase_options(function))


def opener_of(
    unseal_key: Path | None, passphrase_file: Path | None, passphrase_env: str | None
) -> Opener | None:
    """What opens sealed bundles, from those options; None when no key was named.

    Raises:
        NotFound: There is no such file or variable.
        TrustError: It is no such key, or the passphrase is another.
        UsageError: The key needs a passphrase and there is nobody to ask.
    """
    secret = given_passphrase(passphrase_file, passphrase_env)
    if unseal_key is None:
        if secret is not None:
            raise UsageError("there is a passphrase, and no key that it opens", hint=_HOW)
        return None
    private = _private(unseal_key, secret)

    def opener(bundle: Bundle) -> bytes:
        from seatrial.trust.unsealing import content_key_of

        return content_key_of(bundle, private)

    return opener


@contextmanager
def opened_bundle(path: Path, opener: Opener | None, *, runtime: str = "") -> Iterator[Bundle]:
    """A bundle from its folder or its archive; a sealed one is open in memory only, until the end.

    Args:
        path: Of the bundle.
        opener: Of `opener_of`.
        runtime: Only decrypt the model that this one, or any installed for `auto`, runs; empty: all of them.

    Raises:
        NotFound: There is no bundle.
        TrustError: It is not as it was handed over, or was sealed for others.
        UsageError: It is sealed, and no key was named.
    """
    from seatrial.model.archive import opened
    from seatrial.runtimes import runnable
    from seatrial.trust.sealing import is_sealed
    from seatrial.trust.unsealing import unsealed

    with opened(path) as bundle:
        if not is_sealed(bundle.manifest):
            yield bundle
            return
        if opener is None:
            raise UsageError(f"{bundle.manifest.release} is sealed", hint=_HOW)
        formats = [runnable(bundle, runtime).format] if runtime else None
        with _until_ended(), unsealed(bundle, opener(bundle), formats=formats) as whole:
            yield whole.bundle


@contextmanager
def opened_model(path: Path, opener: Opener | None, *, runtime: str) -> Iterator[Artifact]:
    """A model: of a bundle the one that `runtime` runs, else what lies at the path.

    Raises:
        SeatrialError: As `opened_bundle`, or there is no model.
    """
    from seatrial.model import open_model
    from seatrial.model.archive import holds_a_bundle
    from seatrial.runtimes import runnable

    if not holds_a_bundle(path):
        yield open_model(path)
        return
    with opened_bundle(path, opener, runtime=runtime) as bundle:
        yield bundle.artifact(runnable(bundle, runtime))


def _private(path: Path, secret: bytes | None) -> Any:
    from seatrial.trust.holders import load_holder_key
    from seatrial.trust.keys import is_encrypted

    if secret is None and is_encrypted(path):
        secret = asked_passphrase(str(path), twice=False)
    return load_holder_key(path, secret)


@contextmanager
def _until_ended() -> Iterator[None]:
    """SIGTERM ends the block as an error does, so that what is in memory is wiped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
