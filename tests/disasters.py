"""Disks that are lost, and copies that come back: what happens to a network's files behind its back."""

import contextlib
from pathlib import Path

from certs.credentials import peer_credentials
from certs.names import GATEWAY_NAME
from interbank.rpc.channel import open_peer_channel
from interbank.storage.sqlite import driver
from protos.v1 import network_pb2, network_pb2_grpc
from tests.world import Caller, World


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a database that is in use, as a backup holds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(driver().connect(source)) as old, contextlib.closing(driver().connect(target)) as new:
        old.backup(new)


def copy_of(world: World, bank: str) -> bytes:
    """A bank's books, or the gateway's journal, as a backup holds them."""
    target = world.home / "backup.db"
    copy_database(world.path(bank), target)
    copy = target.read_bytes()
    target.unlink()
    return copy


def put_back(path: Path, copy: bytes) -> None:
    """A copy in the place of a database that nobody has open."""
    remove(path)
    path.write_bytes(copy)


def remove(path: Path) -> None:
    """A database that nobody has open, and all that stands beside it."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


async def restore(world: World, bank: str, copy: bytes) -> None:
    """A bank comes back with the books of a copy."""
    await world.stop_bank(bank)
    put_back(world.banks[bank].path, copy)
    await world.start_bank(bank)


async def quarantined(world: World, bank: str) -> None:
    """Wait until the gateway has found out that a bank lacks records."""
    await world.until(lambda: world.link(bank).status.name == "QUARANTINED")


async def lose_journal(world: World) -> None:
    """The gateway crashes, its disk is gone, and it begins anew with an empty journal."""
    await world.kill_gateway()
    assert world.gateway is not None
    remove(world.gateway.path)
    await world.start_gateway()


async def join(world: World, bank: str) -> None:
    """What a bank does every few seconds anyway; returns when the gateway has a session with it."""
    credentials = peer_credentials(world.bank_identity(bank))
    async with open_peer_channel(world.banks_port, credentials, name=GATEWAY_NAME) as channel:
        request = network_pb2.JoinRequest(address=world.banks[bank].address, currency=world.currencies[bank])
        await network_pb2_grpc.NetworkServiceStub(channel).Join(request, timeout=5, wait_for_ready=True)
    await world.connected(bank)


async def begin_anew(world: World, *banks: str) -> None:
    """Lose the journal; then these banks join, one after the other."""
    await lose_journal(world)
    for bank in banks:
        await join(world, bank)


async def register_again(caller: Caller) -> None:
    """Users and sessions were in the journal's database too."""
    caller.token = ""
    for bank, account in caller.accounts.items():
        await caller.register(caller.username, bank, account)
        await caller.login(caller.username, bank=bank)
