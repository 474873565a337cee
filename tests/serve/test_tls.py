"""TLS: a certificate of the server, certificates of clients, and files that change or do not fit."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc.aio as triton

from seatrial.errors import UsageError
from seatrial.serve.access.tls import Tls, subject
from seatrial.serve.assembly import assemble
from seatrial.serve.limits import Limits
from seatrial.serve.rpc.credentials import credentials_of
from seatrial.serve.rpc.front import GrpcFront
from seatrial.serve.service import InferenceService
from seatrial.serve.settings import Access, Settings
from seatrial.serve.watching.instruments import Instruments
from support.certificates import Authority, Pair
from support.rpc_served import column
from support.served import Line, Rest, infer_body, loaded, rest

INFER = "/v2/models/double/infer"


def trusting(authority: Authority, own: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.own.certificate)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


async def line_of(server: Rest, context: ssl.SSLContext) -> Line:
    return Line(*await asyncio.open_connection("127.0.0.1", server.port, ssl=context))


async def asked_by(server: Rest, context: ssl.SSLContext) -> None:
    async with await line_of(server, context) as line:
        line.ask("GET", "/v2")
        await line.answer()


# In TLS 1.3 a client hears that its certificate is not taken only when it reads.
_TURNED_AWAY = (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_pair(authority: Authority) -> Pair:
    return authority.signs("server")


async def test_a_server_speaks_tls(authority: Authority, server_pair: Pair) -> None:
    model, _ = await loaded()
    tls = Tls(server_pair.certificate, server_pair.key)
    async with rest(model, tls=tls) as server, await line_of(server, trusting(authority)) as line:
        for value in (1, 2):
            line.ask("POST", INFER, infer_body(value))
            assert (await line.answer()).json["outputs"][0]["data"] == [2.0 * value]
        assert line.writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")


async def test_plain_http_on_a_tls_port_costs_only_itself(authority: Authority, server_pair: Pair) -> None:
    model, _ = await loaded()
    async with rest(model, tls=Tls(server_pair.certificate, server_pair.key)) as server:
        async with await server.line() as plain:
            plain.ask("GET", "/v2")
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await plain.answer()
        async with await line_of(server, trusting(authority)) as line:
            line.ask("GET", "/v2")
            assert (await line.answer()).status == 200


async def test_who_never_shakes_hands_is_let_go(server_pair: Pair) -> None:
    model, _ = await loaded()
    tls = Tls(server_pair.certificate, server_pair.key)
    async with rest(model, tls=tls, limits=Limits(slow=0.2)) as server, await server.line() as line:
        assert await line.closed()


async def test_old_tls_is_refused(authority: Authority, server_pair: Pair) -> None:
    model, _ = await loaded()
    old = trusting(authority)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with rest(model, tls=Tls(server_pair.certificate, server_pair.key)) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await line_of(server, old)


async def test_a_body_that_is_too_large_is_answered_over_tls(authority: Authority, server_pair: Pair) -> None:
    model, _ = await loaded()
    tls = Tls(server_pair.certificate, server_pair.key)
    async with (
        rest(model, tls=tls, limits=Limits(body=1000)) as server,
        await line_of(server, trusting(authority)) as line,
    ):
        line.send(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 2147483648\r\n\r\n" % INFER.encode())
        assert (await line.answer()).status == 413


async def test_a_client_shows_its_certificate(authority: Authority, server_pair: Pair) -> None:
    model, _ = await loaded()
    camera = authority.signs("camera", subject="/O=Yard/CN=camera-7")
    tls = Tls(server_pair.certificate, server_pair.key, authority.own.certificate)
    clients: list[str] = []
    async with rest(model, tls=tls) as server:
        server.front.instruments.listen(lambda call, *_: clients.append(call.client))
        async with await line_of(server, trusting(authority, camera)) as line:
            line.ask("POST", INFER, infer_body(1))
            assert (await line.answer()).status == 200
        with pytest.raises(_TURNED_AWAY):
            await asked_by(server, trusting(authority))
        assert clients == ["camera-7"]


async def test_a_certificate_of_another_authority_is_none(
    authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    model, _ = await loaded()
    forged = Authority(tmp_path, "forger").signs("camera")
    tls = Tls(server_pair.certificate, server_pair.key, authority.own.certificate)
    async with rest(model, tls=tls) as server:
        with pytest.raises(_TURNED_AWAY):
            await asked_by(server, trusting(authority, forged))


async def test_a_new_certificate_is_shown_to_who_comes_after_it(
    authority: Authority, server_pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = await loaded()
    here = Pair(tmp_path / "server.pem", tmp_path / "server.key")
    shutil.copy(server_pair.certificate, here.certificate)
    shutil.copy(server_pair.key, here.key)
    now = [0.0]
    tls = Tls(here.certificate, here.key, clock=lambda: now[0])

    async def shown(server: Rest) -> str:
        async with await line_of(server, trusting(authority)) as line:
            return subject(line.writer.get_extra_info("peercert"))

    async with rest(model, tls=tls) as server:
        assert await shown(server) == "server"
        renewed = authority.signs("renewed")
        shutil.copy(renewed.certificate, here.certificate)
        now[0] = 1.1
        assert await shown(server) == "server"  # its key is not there yet
        assert "stays as it was" in caplog.text
        shutil.copy(renewed.key, here.key)
        now[0] = 2.2
        assert await shown(server) == "renewed"


def test_files_that_do_not_fit_are_told(authority: Authority, server_pair: Pair, tmp_path: Path) -> None:
    other, nothing = authority.signs("other"), tmp_path / "nothing.pem"
    nothing.write_text("no PEM")
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        ["openssl", "ec", "-in", server_pair.key, "-aes128", "-passout", "pass:x", "-out", encrypted],
        check=True,
        capture_output=True,
    )
    for certificate, key, who, words in (
        (tmp_path / "gone.pem", server_pair.key, None, r"access\.certificate .*cannot be read"),
        (server_pair.certificate, tmp_path / "gone.key", None, r"access\.key .*cannot be read"),
        (server_pair.certificate, other.key, None, "do not fit together"),
        (nothing, server_pair.key, None, "no PEM"),
        (server_pair.certificate, encrypted, None, "is encrypted"),
        (server_pair.certificate, server_pair.key, nothing, r"access\.client_authority"),
        (server_pair.certificate, server_pair.key, tmp_path / "gone", r"access\.client_authority"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            Tls(certificate, key, who)
        assert caught.value.hint


@pytest.mark.parametrize(
    "access", [{"certificate": "a"}, {"key": "a"}, {"client_authority": "a"}], ids=["cert", "key", "ca"]
)
def test_settings_that_are_half_a_tls(access: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"go together|needs certificate"):
        Access.model_validate(access)


async def test_settings_with_bad_files_do_not_start(server_pair: Pair, tmp_path: Path) -> None:
    for access in (
        Access(certificate=tmp_path / "gone", key=server_pair.key),
        Access(keys=tmp_path / "gone"),
    ):
        with pytest.raises(UsageError, match="cannot be read"):
            assemble(Settings(access=access))


async def test_grpc_speaks_tls_and_knows_its_clients(authority: Authority, server_pair: Pair) -> None:
    model, _ = await loaded()
    service = InferenceService(threads=1)
    service.repository.add(model)
    instruments = Instruments(service)
    clients: list[str] = []
    instruments.listen(lambda call, *_: clients.append(call.client))
    tls = Tls(server_pair.certificate, server_pair.key, authority.own.certificate)
    front = GrpcFront(service, instruments, credentials=credentials_of(tls))
    address = await front.start(port=0)
    camera = authority.signs("camera-8")
    try:
        async with triton.InferenceServerClient(
            address,
            ssl=True,
            root_certificates=str(authority.own.certificate),
            private_key=str(camera.key),
            certificate_chain=str(camera.certificate),
        ) as client:
            answer = await client.infer("double", [column(21)])
            assert np.ravel(answer.as_numpy("y")).tolist() == [42]
        assert clients == ["camera-8"]
    finally:
        await front.stop(1)
        await service.close()


def test_whose_certificate_it_is() -> None:
    assert subject(None) == ""
    assert subject({"subject": ((("organizationName", "Yard"),), (("commonName", "a"),))}) == "a"
    assert subject({"subject": ((("organizationName", "Yard"),),)}) == "organizationName=Yard"
    assert subject({"subject": ()}) == "a certificate"
