"""Calls leased from a server: what is asked and answered, and the device's side of it.

    asked     {"format": "seatrial/lease-request/1", "license": "L-7f3a", "device": "sha256:...",
               "nonce": "...", "after": "...", "calls": 1000}                      signed by the device
    answered  {"format": "seatrial/lease/1", "license": "L-7f3a", "nonce": "...",
               "verdict": "granted", "calls": 1000, "left": 96000, "time": "..."}    signed by the server

The answer names the nonce of its question, so that an earlier answer is none. The question names the nonce of
the one that was granted before it, so that an earlier question is none, and so that a device whose state was
put back, or copied, is found out. The same question asked again gets the same answer and costs nothing: an
answer that was lost on the way loses no calls, as long as the process lives that asked. A question that
another process left behind is asked again only to be done with it: that process may have used its answer,
and the state with the open question may be a copy that was put back.
"""

from __future__ import annotations

import http.client
import secrets
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from seatrial.errors import TrustError, Unavailable, UsageError
from seatrial.model.manifest import canonical
from seatrial.trust.claims import Claims, instant
from seatrial.trust.dsse import read_envelope, sign, verify
from seatrial.trust.keys import PrivateKey, PublicKey
from seatrial.trust.refusals import Expired, LicenseError, Replayed, Revoked
from seatrial.trust.state import Ledger, State, Use
from seatrial.trust.strictjson import from_base64, read_strictly

REQUEST_FORMAT, ANSWER_FORMAT = "seatrial/lease-request/1", "seatrial/lease/1"
REQUEST_TYPE = "application/vnd.seatrial.lease-request+json"
ANSWER_TYPE = "application/vnd.seatrial.lease+json"
PATH = "/v1/lease"
MOST_BYTES = 16 << 10  # of a question or an answer
SECONDS = 5.0  # that the server has to answer

Ask = Callable[[bytes], bytes]

_REFUSED: dict[str, type[LicenseError]] = {
    "revoked": Revoked,
    "expired": Expired,
    "replayed": Replayed,
}


def public_key(raw: str, name: str) -> PublicKey:
    """An Ed25519 key from its 32 bytes in base64, as licenses carry it.

    Raises:
        TrustError: It is none.
    """
    try:
        return PublicKey("ed25519", Ed25519PublicKey.from_public_bytes(from_base64(raw, name)), name)
    except ValueError as error:
        raise TrustError(f"{name} is no Ed25519 key") from error


def ask_over_http(url: str, *, authority: Path | None = None, seconds: float = SECONDS) -> Ask:
    """How to ask a lease server.

    Args:
        url: `http://` or `https://`.
        authority: PEM of who signed its certificate; None: the system's own list decides.
        seconds: That it has to answer.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url[:100]} is no address of a lease server", hint="such as https://licenses:8090")
    host, path = parts.hostname, parts.path.rstrip("/") + PATH

    def ask(body: bytes) -> bytes:
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=str(authority) if authority else None)
            connection = http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=seconds)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data, status = answer.read(MOST_BYTES + 1), answer.status
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the lease server {url} does not answer: {error}", hint="is it running?"
            ) from error
        finally:
            connection.close()
        if status != http.client.OK:
            raise Unavailable(f"the lease server answered {status}", hint="its log says why")
        return data

    return ask


class OnlineCalls:
    """Calls that a lease server counts; see `trust.quota.Calls`.

    Args:
        claims: Of the license; they say which server.
        device: Id of the device.
        signing: Its key.
        ledger: Its memory: a question is written down before it is asked.
        ask: Sends it.
        told_time: Is told what the server says the time is.

    Attributes:
        left: At the server, when it was last asked.
        quick: It is not: a request does not wait for it.
    """

    quick = False

    def __init__(
        self,
        claims: Claims,
        *,
        device: str,
        signing: PrivateKey,
        ledger: Ledger,
        ask: Ask,
        told_time: Callable[[datetime], None],
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        if claims.online is None:
            raise UsageError(f"the license {claims.id} names no lease server")
        self._claims, self._device, self._signing = claims, device, signing
        self._ledger, self._ask, self._told_time, self._nonce = ledger, ask, told_time, nonce
        self._server = public_key(claims.online.key, "the lease server's key")
        self._mine = ""  # nonce of the last question that began here
        self.left = 0

    def lease(self, rows: int) -> int:
        """Leases up to so many; 0: there are none.

        Raises:
            Unavailable: The server does not answer.
            LicenseError: It refuses: revoked, expired, another device, an older copy of the state.
        """
        with self._ledger.alone("lease"):  # two servers of one device ask one after the other
            if self._ledger.look().use(self._claims.id).nonce not in ("", self._mine):
                self._exchange(1)  # somebody else's: what it brings may be used already
            return self._exchange(rows)

    def _exchange(self, rows: int) -> int:
        use = self._ledger.change(lambda state: self._begin(state, rows))
        request = canonical(
            {
                "format": REQUEST_FORMAT,
                "license": self._claims.id,
                "device": self._device,
                "nonce": use.nonce,
                "after": use.after,
                "calls": use.asking,
            }
        )
        answer = self._believed(self._ask(sign(request, REQUEST_TYPE, self._signing).to_bytes()), use.nonce)
        granted = answer["verdict"] == "granted"
        self._ledger.change(lambda state: self._end(state, granted=granted))
        if not granted:
            refusal = _REFUSED.get(str(answer["verdict"]), LicenseError)
            raise refusal(f"the lease server says: {str(answer.get('message', answer['verdict']))[:300]}")
        self.left = int(answer["left"])
        self._told_time(instant(answer["time"]))
        return int(answer["calls"])

    def give_back(self, rows: int) -> None:
        """Nothing: what a server gave is used or lost. Who could give calls back could use them twice."""

    def _begin(self, state: State, rows: int) -> Use:
        use = state.use(self._claims.id)
        if not use.nonce:
            use.nonce, use.asking = self._nonce(), rows
            self._mine = use.nonce
        elif use.nonce != self._mine:
            use.asking = rows
        return replace(use)

    def _end(self, state: State, *, granted: bool) -> None:
        use = state.use(self._claims.id)
        if granted:
            use.after = use.nonce
        use.nonce, use.asking = "", 0

    def _believed(self, data: bytes, nonce: str) -> dict[str, Any]:
        what = "the lease server's answer"
        if len(data) > MOST_BYTES:
            raise TrustError(f"too big: {what} has more than {MOST_BYTES} bytes")
        envelope = read_envelope(data, what)
        verify(envelope, [self._server], payload_type=ANSWER_TYPE, what=what)
        answer = read_strictly(envelope.payload, what, most=MOST_BYTES)
        if not isinstance(answer, dict) or not {"verdict", "nonce", "calls", "left", "time"} <= set(answer):
            raise TrustError(f"damaged: {what} is none")
        if answer["nonce"] != nonce or answer.get("license") != self._claims.id:
            raise TrustError(f"replayed: {what} is one to another question")
        return answer
