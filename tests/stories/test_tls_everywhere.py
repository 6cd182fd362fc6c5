"""Nobody speaks in plain text, and everybody is who his certificate says."""

from pathlib import Path

import grpc
import pytest

from certs.authority import Pair, create_authority, issue
from certs.credentials import customer_credentials, peer_credentials, read_credentials
from certs.names import GATEWAY_NAME, bank_name, gateway_names
from interbank.refusals import Reason
from interbank.rpc.channel import open_peer_channel
from interbank.rpc.status import from_rpc_error
from protos.v1 import bank_pb2, bank_pb2_grpc, gateway_pb2, gateway_pb2_grpc, network_pb2, network_pb2_grpc
from tests.refusing import refused
from tests.world import World

UNREACHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def describe(channel: grpc.aio.Channel) -> bank_pb2.DescribeResponse:
    stub = bank_pb2_grpc.BankServiceStub(channel)
    return await stub.Describe(bank_pb2.DescribeRequest(), timeout=5)


async def join(channel: grpc.aio.Channel, address: str, currency: str = "EUR") -> network_pb2.JoinResponse:
    stub = network_pb2_grpc.NetworkServiceStub(channel)
    try:
        return await stub.Join(network_pb2.JoinRequest(address=address, currency=currency), timeout=5)
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from None


async def no_connection(channel: grpc.aio.Channel) -> None:
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await describe(channel)
    assert caught.value.code() in UNREACHED


@pytest.mark.parametrize("port", ["gateway for customers", "gateway for banks", "bank"])
async def test_plain_text_gets_no_connection_anywhere(world: World, port: str) -> None:
    addresses = {
        "gateway for customers": world.gateway.address,
        "gateway for banks": world.banks_port,
        "bank": world.banks["NORTH"].address,
    }
    await no_connection(grpc.aio.insecure_channel(addresses[port]))


async def test_without_a_certificate_nobody_reaches_a_bank_or_the_banks_door(world: World) -> None:
    authority = customer_credentials(world.gateway_identity.authority)
    for address, name in ((world.banks["NORTH"].address, bank_name("NORTH")), (world.banks_port, GATEWAY_NAME)):
        options = [("grpc.ssl_target_name_override", name)]
        await no_connection(grpc.aio.secure_channel(address, authority, options=options))


async def test_a_certificate_of_another_authority_is_worth_nothing(world: World, tmp_path: Path) -> None:
    foreign = Pair(tmp_path / "ca.crt", tmp_path / "ca.key")
    create_authority(foreign)
    leaf = Pair(tmp_path / "gateway.crt", tmp_path / "gateway.key")
    issue(foreign, leaf, gateway_names())
    forged = read_credentials(leaf.certificate, leaf.key, foreign.certificate)
    shown = grpc.ssl_channel_credentials(world.gateway_identity.authority, forged.key, forged.certificate)
    address = world.banks["NORTH"].address
    await no_connection(open_peer_channel(address, shown, name=bank_name("NORTH")))


async def test_a_caller_does_not_talk_to_whom_he_did_not_mean(world: World) -> None:
    """Another process on a bank's address, with a certificate of the network, is not that bank."""
    credentials = peer_credentials(world.gateway_identity)
    await no_connection(open_peer_channel(world.banks["SOUTH"].address, credentials, name=bank_name("NORTH")))


async def test_a_bank_serves_the_gateway_and_no_other_bank(world: World) -> None:
    address = world.banks["NORTH"].address
    for identity, served in ((world.gateway_identity, True), (world.bank_identity("SOUTH"), False)):
        async with open_peer_channel(address, peer_credentials(identity), name=bank_name("NORTH")) as channel:
            if served:
                assert (await describe(channel)).bank == "NORTH"
                continue
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await describe(channel)
            assert from_rpc_error(caught.value).reason is Reason.CALLER_NOT_RECOGNISED


async def test_the_gateways_certificate_is_no_banks(world: World) -> None:
    credentials = peer_credentials(world.gateway_identity)
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        with refused(Reason.BANK_NOT_RECOGNISED):
            await join(channel, "localhost:1")


async def test_a_bank_is_who_its_certificate_says_wherever_it_says_it_is(world: World) -> None:
    before = world.sql("gateway", "SELECT bank FROM banks ORDER BY bank")
    credentials = peer_credentials(world.bank_identity("SOUTH"))
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        joined = await join(channel, world.banks["SOUTH"].address)
    assert joined.bank == "SOUTH"
    assert world.sql("gateway", "SELECT bank FROM banks ORDER BY bank") == before


async def test_a_bank_that_gives_a_wrong_address_harms_only_itself(world: World) -> None:
    credentials = peer_credentials(world.bank_identity("SOUTH"))
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        for address in ("", "nowhere", "localhost:99999", "dns:///", "unix:/nowhere", "unix:nowhere:1", "\x00", "é:1",
                        "x" * 5000, "a b:1", "localhost:0", "[::1", "vsock:2:1"):  # fmt: skip
            with refused(Reason.ADDRESS_MALFORMED, field="address"):
                await join(channel, address)
        await join(channel, "localhost:1")
    await world.connected("NORTH")
    await world.stop_gateway()
    await world.start_gateway()
    await world.connected("NORTH")

    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        await join(channel, world.banks["SOUTH"].address)
    await world.connected("SOUTH")


async def test_a_bank_that_comes_back_with_another_currency_is_refused(world: World) -> None:
    credentials = peer_credentials(world.bank_identity("SOUTH"))
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        with refused(Reason.CURRENCY_CHANGED):
            await join(channel, world.banks["SOUTH"].address, "USD")
        with refused(Reason.CURRENCY_UNKNOWN, field="currency"):
            await join(channel, world.banks["SOUTH"].address, "XXX")
    assert world.sql("gateway", "SELECT currency FROM banks WHERE bank = 'SOUTH'") == [("EUR",)]


async def test_a_bank_that_was_founded_as_another_does_not_start(world: World) -> None:
    await world.stop_bank("SOUTH")
    world.currencies["SOUTH"] = "USD"
    with refused(Reason.DATABASE_FOREIGN):
        await world.start_bank("SOUTH")

    world.currencies["SOUTH"] = "EUR"
    await world.start_bank("SOUTH")
    await world.connected("SOUTH")


async def test_customers_reach_no_service_of_the_banks_and_banks_none_of_the_customers(world: World) -> None:
    stub = network_pb2_grpc.NetworkServiceStub(world.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Join(network_pb2.JoinRequest(address="localhost:1", currency="EUR"), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    credentials = peer_credentials(world.bank_identity("SOUTH"))
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway_pb2_grpc.AccountServiceStub(channel).ListBanks(gateway_pb2.ListBanksRequest(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_neither_reflection_nor_any_unknown_method_is_served(world: World) -> None:
    for method in ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/interbank.v1.AdminService/Mint"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await world.channel.unary_unary(method)(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
