"""What a client says of a connection that does not come up, or breaks: nothing was sent, or nobody can say."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.authority import Pair, create_authority, issue
from certs.credentials import Credentials
from certs.names import bank_name, gateway_names
from clients.sdk import connection
from clients.sdk.client import Client
from clients.sdk.connection import Connection, Unanswered, no_connection
from interbank.money import Money
from interbank.refusals import Reason
from tests.contracts.handshakes import METHOD, serving
from tests.refusing import refused


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("ca")
    pair = Pair(folder / "ca.crt", folder / "ca.key")
    create_authority(pair)
    return pair


def identity(authority: Pair, folder: Path, names: list[str], *, now: datetime | None = None) -> Credentials:
    leaf = Pair(folder / "leaf.crt", folder / "leaf.key")
    issue(authority, leaf, names, now=now)
    return Credentials(leaf.certificate.read_bytes(), leaf.key.read_bytes(), authority.certificate.read_bytes())


async def deposit(address: str, authority: Pair) -> None:
    """Ask for a change, as a client beside this loop."""

    def ask() -> None:
        with Client(address, authority.certificate.read_bytes(), "token") as client:
            client.accounts.deposit("NORTH", Money(1, "EUR"), "key")

    await asyncio.to_thread(ask)


async def test_where_nobody_listens_nothing_was_sent(authority: Pair) -> None:
    with refused(Reason.GATEWAY_UNREACHABLE) as caught:
        await deposit("localhost:1", authority)
    assert caught.value.message == "no answer from the gateway at localhost:1 (connection refused)"


async def test_a_name_that_does_not_exist_is_said_so(authority: Pair) -> None:
    with refused(Reason.GATEWAY_UNREACHABLE) as caught:
        await deposit("nobody.invalid:1", authority)
    assert "(the name is not known)" in caught.value.message


async def test_the_gateway_of_another_network_is_sent_nothing(authority: Pair, tmp_path: Path) -> None:
    other = Pair(tmp_path / "ca.crt", tmp_path / "ca.key")
    create_authority(other)
    credentials = identity(other, tmp_path, list(gateway_names()))
    async with serving(credentials, require_client=False) as address:
        with refused(Reason.GATEWAY_FOREIGN):
            await deposit(address, authority)


async def test_a_certificate_for_another_name_is_not_the_gateways(authority: Pair, tmp_path: Path) -> None:
    credentials = identity(authority, tmp_path, [bank_name("NORTH")])
    async with serving(credentials, require_client=False) as address:
        with refused(Reason.CERTIFICATE_UNUSABLE) as caught:
            await deposit(address, authority)
    assert "has no certificate for the name localhost" in caught.value.message


async def test_a_certificate_that_is_out_of_date_is_not_taken(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=900)
    old = Pair(tmp_path / "ca.crt", tmp_path / "ca.key")
    create_authority(old, now=long_ago)
    credentials = identity(old, tmp_path, list(gateway_names()), now=long_ago)
    async with serving(credentials, require_client=False) as address:
        with refused(Reason.CERTIFICATE_UNUSABLE) as caught:
            await deposit(address, old)
    assert "out of date" in caught.value.message


async def test_what_speaks_no_tls_is_no_gateway(authority: Pair) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "localhost", 0)
    address = f"localhost:{server.sockets[0].getsockname()[1]}"
    async with server:
        with refused(Reason.GATEWAY_UNREACHABLE) as caught:
            await deposit(address, authority)
    assert "is no gateway: it does not speak TLS" in caught.value.message


async def test_a_listener_that_says_nothing_was_sent_nothing(authority: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("localhost", 0)) as silent, refused(Reason.GATEWAY_UNREACHABLE):
        await deposit(f"localhost:{silent.getsockname()[1]}", authority)


async def test_once_it_stands_a_call_that_fails_without_a_reason_may_have_been_done(
    authority: Pair, tmp_path: Path
) -> None:
    credentials = identity(authority, tmp_path, list(gateway_names()))
    async with serving(credentials, require_client=False) as address:
        with pytest.raises(Unanswered) as caught:
            await deposit(address, authority)
    assert len(caught.value.request_id) == 32


async def test_the_token_is_in_no_text_form_of_a_failure(authority: Pair) -> None:
    with refused(Reason.GATEWAY_UNREACHABLE) as caught:
        await deposit("localhost:1", authority)
    assert "token" not in str(caught.value) + repr(caught.value)


async def test_a_call_that_works_carries_the_token_and_a_request_id(authority: Pair, tmp_path: Path) -> None:
    credentials = identity(authority, tmp_path, list(gateway_names()))
    async with serving(credentials, require_client=False) as address:
        line = Connection(address, authority.certificate.read_bytes(), "token")
        method = line.channel.unary_unary(METHOD, request_serializer=bytes, response_deserializer=bytes)
        assert await asyncio.to_thread(line.change, method, b"", timeout=5) == b""
        line.close()


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ("CERTIFICATE_VERIFY_FAILED: certificate has expired", Reason.CERTIFICATE_UNUSABLE),
        ("CERTIFICATE_VERIFY_FAILED: certificate is not yet valid", Reason.CERTIFICATE_UNUSABLE),
        ("Hostname Verification Check failed.", Reason.CERTIFICATE_UNUSABLE),
        ("CERTIFICATE_VERIFY_FAILED: self signed certificate in certificate chain", Reason.GATEWAY_FOREIGN),
        ("WRONG_VERSION_NUMBER", Reason.GATEWAY_UNREACHABLE),
        ("something new", Reason.GATEWAY_UNREACHABLE),
    ],
)
def test_grpcs_words_are_told_apart(details: str, reason: Reason) -> None:
    assert no_connection("host:1", details, "no answer").reason is reason
