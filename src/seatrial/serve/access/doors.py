"""What the settings say about access, as the parts that every process with clients needs of it."""

from __future__ import annotations

from seatrial.serve.access.guard import Gate
from seatrial.serve.access.tls import Tls
from seatrial.serve.settings import Access


def gate_of(access: Access) -> Gate:
    """Who may ask.

    Raises:
        UsageError: The file of keys cannot be read.
    """
    return Gate(access.keys, open_to_all=access.open)


def tls_of(access: Access) -> Tls | None:
    """What connections are wrapped in; None: nothing.

    Raises:
        UsageError: A file cannot be read, or they do not fit together.
    """
    if access.certificate is None or access.key is None:
        return None
    return Tls(access.certificate, access.key, access.client_authority)
