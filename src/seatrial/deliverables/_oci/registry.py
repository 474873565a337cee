"""A small client of the OCI Distribution Specification 1.1: what is pushed and pulled, no more.

Blobs that are there are not sent again. A large blob goes in chunks, and after a broken connection the
registry is asked how much it has. Everything that comes is believed by its digest alone.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from seatrial.deliverables._oci.blob import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    PORTION,
    Blob,
    Package,
    believed,
    digest_of,
)
from seatrial.deliverables._oci.line import PASSWORD, USER, Line
from seatrial.deliverables._oci.reference import Reference
from seatrial.errors import NotFound, SeatrialError, TrustError, Unavailable, UsageError

CHUNK = 16 << 20
TRIES = 5
MOST_DOCUMENT = 8 << 20
_ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_MOST_REDIRECTS = 5

Progress = Callable[[str], None]
_Body = bytes | Iterable[bytes] | None


@dataclass(frozen=True)
class Reply:
    """What a registry answered.

    Attributes:
        status: HTTP's code.
        headers: By name in small letters.
        body: All of it, unless it was written to a file.
        url: That answered.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class _BrokenError(Exception):
    """A connection broke, or the registry is busy: worth another try."""


class Registry:
    """One repository of one registry.

    Args:
        reference: Where.
        line: How.
    """

    def __init__(self, reference: Reference, line: Line) -> None:
        self._reference, self._line = reference, line
        self._root = f"{'http' if line.plain_http else 'https'}://{reference.host}"
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._login = ""

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._connections.values():
            each.close()

    def push(self, package: Package, *, progress: Progress) -> str:
        """Sends an image or artifact, and gives its digest.

        Args:
            package: What.
            progress: Told what is done.

        Raises:
            Unavailable: The registry does not answer, also not after several tries.
            UsageError: It does not let us in, or does not take it.
        """
        for blob in {each.digest: each for each in package.blobs}.values():
            if self._has(blob):
                progress(f"{blob.digest[:19]} is there already")
            else:
                self._upload(blob, progress)
        return self.push_manifest(package.manifest)

    def push_manifest(self, manifest: Blob) -> str:
        """Sends a manifest under the reference's tag, and by its digest when it names none."""
        address = self._reference.tag or manifest.digest
        if not isinstance(manifest.content, bytes):
            raise TypeError("a manifest is held in memory")
        reply = self._asked(
            "PUT",
            f"manifests/{address}",
            body=manifest.content,
            headers={"Content-Type": manifest.media_type},
        )
        said = reply.headers.get("docker-content-digest", manifest.digest)
        if said != manifest.digest:
            raise TrustError(f"the registry has stored the manifest as {said}, expected {manifest.digest}")
        return manifest.digest

    def manifest(self, address: str) -> bytes:
        """A manifest by its digest or tag.

        Raises:
            NotFound: There is none.
            TrustError: Its bytes are others.
        """
        reply = self._asked("GET", f"manifests/{address}", headers={"Accept": _ACCEPT})
        if len(reply.body) > MOST_DOCUMENT:
            raise UsageError(f"the manifest {address} has more than {MOST_DOCUMENT} bytes")
        wanted = address if address.startswith("sha256:") else digest_of(reply.body)
        return believed(reply.body, wanted, f"the manifest of {self._reference}")

    def document(self, digest: str) -> bytes:
        """A small blob, such as a configuration."""
        reply = self._asked("GET", f"blobs/{digest}")
        return believed(reply.body, digest, f"a blob of {self._reference}")

    def fetch(self, digest: str, size: int, target: Path) -> None:
        """A blob into a file, believed when it has the size and the digest.

        Raises:
            TrustError: It has not.
        """

        def once() -> None:
            found, count = hashlib.sha256(), 0
            with target.open("wb") as file:
                for portion in self._portions(f"blobs/{digest}"):
                    found.update(portion)
                    count += file.write(portion)
                    if count > size:
                        raise TrustError(
                            f"the blob {digest} has more than the {size} bytes it was said to have"
                        )
            if f"sha256:{found.hexdigest()}" != digest or count != size:
                raise TrustError(f"the registry gave other bytes than {digest}", hint="fetch it again")

        self._again(once)

    def _has(self, blob: Blob) -> bool:
        reply = self._asked("HEAD", f"blobs/{blob.digest}", accepted=(200, 404))
        return reply.status == 200

    def _upload(self, blob: Blob, progress: Progress) -> None:
        reply = self._asked("POST", "blobs/uploads/", body=b"", accepted=(202,))
        url, sent, failures = self._location(reply), 0, 0
        while blob.size > CHUNK and sent < blob.size:
            end = min(sent + CHUNK, blob.size)
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{sent}-{end - 1}",
            }
            try:
                reply = self._once("PATCH", url, body=part(blob, sent, end), headers=headers)
                self._checked(reply, (202,))
                url, sent = self._location(reply), end
                progress(f"{blob.digest[:19]} {sent / 1e6:.0f} of {blob.size / 1e6:.0f} MB")
            except (_BrokenError, OSError, http.client.HTTPException) as error:
                failures += 1
                self._rest(failures, error)
                reply = self._again(lambda: self._once("GET", url), accepted=(204,))  # noqa: B023 - called at once
                url, sent = self._location(reply), _received(reply)
        finish = f"{url}{'&' if '?' in url else '?'}{urlencode({'digest': blob.digest})}"
        body = b"" if blob.size > CHUNK else part(blob, 0, blob.size)
        headers = {"Content-Type": "application/octet-stream"}
        self._again(lambda: self._once("PUT", finish, body=body, headers=headers), accepted=(201, 204))
        progress(f"{blob.digest[:19]} sent, {blob.size / 1e6:.1f} MB")

    def _location(self, reply: Reply) -> str:
        said = reply.headers.get("location", "")
        url = urljoin(reply.url, said)
        if not said or urlsplit(url).scheme not in ("http", "https"):
            raise Unavailable(f"{self._reference.host} does not say where the blob goes")
        if url.startswith("http:") and not self._line.plain_http:
            raise TrustError(
                f"{self._reference.host} sends us to a place without TLS", hint="see --plain-http"
            )
        return url

    def _asked(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accepted: tuple[int, ...] = (200, 201),
    ) -> Reply:
        url = f"{self._root}/v2/{self._reference.path}/{path}"
        reply: Reply = self._again(
            lambda: self._once(method, url, body=body, headers=headers), accepted=accepted
        )
        return reply

    def _again(self, ask: Callable[[], Any], *, accepted: tuple[int, ...] = ()) -> Any:
        """Asks, and once more when the connection broke or the registry is busy."""
        for failures in range(1, TRIES + 1):
            try:
                reply = ask()
                if accepted:
                    self._checked(reply, accepted)
            except (_BrokenError, OSError, http.client.HTTPException) as error:
                self._rest(failures, error)
            else:
                return reply
        raise AssertionError("the last try raises")

    def _rest(self, failures: int, error: Exception) -> None:
        if failures >= TRIES or isinstance(error, ssl.SSLCertVerificationError):
            raise Unavailable(
                f"the registry {self._reference.host} does not answer: {error}",
                hint="is its name right, and is it up? one without TLS needs --plain-http",
            ) from error
        self._line.pause(0.2 * 2**failures)

    def _checked(self, reply: Reply, accepted: tuple[int, ...]) -> None:
        if reply.status in accepted:
            return
        told = _told(reply.body)
        if reply.status in _AGAIN:
            raise _BrokenError(f"{reply.status} {told}")
        raise _refusal(reply.status, told, self._reference)

    def _once(
        self, method: str, url: str, *, body: _Body = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One question, and a second one with a login when the registry wants one."""
        reply = self._spoken(method, url, body, headers)
        if reply.status == 401:
            self._login = self._logged_in(reply)
            reply = self._spoken(method, url, body, headers)
        return reply

    def _spoken(self, method: str, url: str, body: _Body, headers: Mapping[str, str] | None) -> Reply:
        response = self._response(method, url, body, headers)
        data = response.read(MOST_DOCUMENT + 1)
        if len(data) > MOST_DOCUMENT:
            response.close()
        return Reply(response.status, _small(response), data, url)

    def _portions(self, path: str) -> Iterator[bytes]:
        url = f"{self._root}/v2/{self._reference.path}/{path}"
        for _ in range(_MOST_REDIRECTS):
            response = self._response("GET", url, None, None)
            if response.status == 401:
                refused = Reply(401, _small(response), response.read(MOST_DOCUMENT), url)
                self._login = self._logged_in(refused)
                response = self._response("GET", url, None, None)
            if response.status in (301, 302, 303, 307, 308):
                response.read(MOST_DOCUMENT)
                url = self._location(Reply(response.status, _small(response), b"", url))
                continue
            if response.status != 200:
                self._checked(
                    Reply(response.status, _small(response), response.read(MOST_DOCUMENT), url), (200,)
                )
            while portion := response.read(PORTION):
                yield portion
            return
        raise Unavailable(f"{self._reference.host} sends us from one place to the next")

    def _response(
        self, method: str, url: str, body: _Body, headers: Mapping[str, str] | None
    ) -> http.client.HTTPResponse:
        place = urlsplit(url)
        said = {"User-Agent": "seatrial", **(headers or {})}
        if self._login and place.netloc == self._reference.host:
            said["Authorization"] = self._login  # never to the place that a registry sends us on to
        if isinstance(body, bytes):
            said["Content-Length"] = str(len(body))
        target = place.path + (f"?{place.query}" if place.query else "")
        connection = self._connection(place.scheme, place.netloc)
        try:
            connection.request(method, target, body=body, headers=said)
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def _connection(self, scheme: str, host: str) -> http.client.HTTPConnection:
        key = f"{scheme}://{host}"
        if key not in self._connections:
            if scheme == "http":
                made = http.client.HTTPConnection(host, timeout=self._line.timeout)
            else:
                context = self._line.context or ssl.create_default_context()
                made = http.client.HTTPSConnection(host, timeout=self._line.timeout, context=context)
            self._connections[key] = made
        return self._connections[key]

    def _logged_in(self, refused: Reply) -> str:
        """What to say in `Authorization`, as `WWW-Authenticate` asks (RFC 7235; Docker's token scheme)."""
        if urlsplit(refused.url).netloc != self._reference.host:  # who we were sent on to gets no password
            raise _refusal(401, _told(refused.body), self._reference)
        asked = refused.headers.get("www-authenticate", "")
        scheme, _, rest = asked.partition(" ")
        basic = base64.b64encode(f"{self._line.user}:{self._line.password}".encode()).decode()
        if scheme.lower() == "basic" and self._line.user:
            return f"Basic {basic}"
        if scheme.lower() != "bearer":
            raise _refusal(401, _told(refused.body), self._reference)
        said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = urlsplit(said.get("realm", ""))
        if realm.scheme != "https" and not (realm.scheme == "http" and self._line.plain_http):
            raise TrustError(
                f"{self._reference.host} wants the password sent without TLS", hint="see --plain-http"
            )
        query = urlencode({name: said[name] for name in ("service", "scope") if name in said})
        headers = {"Authorization": f"Basic {basic}"} if self._line.user else {}
        url = f"{realm.geturl()}{'&' if realm.query else '?'}{query}"
        reply = self._spoken("GET", url, None, headers)
        self._checked(reply, (200,))
        read = json.loads(reply.body)
        return f"Bearer {read.get('token') or read.get('access_token')}"


def part(blob: Blob, start: int, end: int) -> bytes:
    """Some bytes of a blob."""
    if isinstance(blob.content, bytes):
        return blob.content[start:end]
    with blob.content.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _received(reply: Reply) -> int:
    """Up to where the registry has an upload: `Range: 0-N`, inclusive; nothing yet is `0-0`."""
    found = re.fullmatch(r"(?:bytes=)?0-(\d+)", reply.headers.get("range", ""))
    return int(found[1]) + 1 if found and found[1] != "0" else 0


def _small(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _told(body: bytes) -> str:
    """What a registry says of an error: `{"errors": [{"code", "message"}]}`."""
    try:
        first = json.loads(body)["errors"][0]
        return f"{first.get('code', '')} {first.get('message', '')}".strip()[:300]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return body[:200].decode("utf-8", "replace").strip()


def _refusal(status: int, told: str, reference: Reference) -> SeatrialError:
    if status == 404:
        return NotFound(f"the registry has no {reference}: {told}", hint="is the name right?")
    if status in (401, 403):
        return UsageError(
            f"the registry {reference.host} does not let us do this to {reference.path}: {told or status}",
            hint=f"docker login {quote(reference.host)}, or set {USER} and {PASSWORD}",
        )
    return UsageError(f"the registry {reference.host} refuses {reference.path}: {status} {told}")
