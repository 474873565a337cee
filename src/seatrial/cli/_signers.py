"""Private keys as commands name them: each opened with the passphrase that was given, or asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.cli._passphrase import asked_passphrase

if TYPE_CHECKING:
    from seatrial.trust.keys import PrivateKey


def signers(files: Iterable[Path], passphrase: bytes | None) -> list[PrivateKey]:
    """The keys, in the order given.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no key that signs, or the passphrase is another.
        UsageError: It needs a passphrase and there is nobody to ask, or others may read it.
    """
    from seatrial.trust.keys import is_encrypted, load_private

    found = []
    for each in files:
        secret = passphrase
        if secret is None and is_encrypted(each):
            secret = asked_passphrase(str(each), twice=False)
        found.append(load_private(each, secret))
    return found


def holder_key(path: Path, passphrase: bytes | None) -> Any:
    """The private key (X25519) of who opens sealed bundles.

    Raises:
        NotFound: There is no such file.
        TrustError: It is no such key, or the passphrase is another.
        UsageError: It needs a passphrase and there is nobody to ask.
    """
    from seatrial.trust.holders import load_holder_key
    from seatrial.trust.keys import is_encrypted

    if passphrase is None and is_encrypted(path):
        passphrase = asked_passphrase(str(path), twice=False)
    return load_holder_key(path, passphrase)
