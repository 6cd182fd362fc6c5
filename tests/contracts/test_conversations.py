"""A call that carries batch after batch: each answer belongs to its batch, and whoever stops waits for nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_service import bank_port
from gateway_service.bank_port import GrpcBankPort, Unknown
from interbank.instructions import Instruction, InstructionKind, OutcomeKind
from interbank.orders import Order, Purpose, bank_principal, fingerprint, transfer_id
from interbank.refusals import Reason
from interbank.rpc.server import GRACE_SECONDS
from tests.refusing import refused
from tests.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A bank whose gateway is away, so that nobody else opens a session."""
    async with World(tmp_path).running("NORTH") as network:
        await network.stop_gateway()
        yield network


def additions(*keys: str) -> list[Instruction]:
    """Money that the operator adds to an account that is not there: refused by the bank, each by itself."""
    made = []
    for key in keys:
        order = Order("NORTH", -1, "NORTH", 9_999, "nobody", 1, "EUR", "", key)
        digest = fingerprint(order, Purpose.MONEY_ADDED)
        principal = bank_principal("NORTH")
        identity = transfer_id(principal, key, digest)
        made.append(Instruction(InstructionKind.ADD_MONEY, identity, digest, order, principal, actor="admin"))
    return made


async def session_of(line: GrpcBankPort) -> bytes:
    return await line.open_session((await line.describe()).epoch + 1, b"i" * 16, [])


def calls_begun(line: GrpcBankPort) -> list[object]:
    """Every call of Post that is begun from now on."""
    begun, real = [], line._stub.Post

    def post(**named: object) -> object:
        begun.append(real(**named))
        return begun[-1]

    line._stub.Post = post
    return begun


async def test_batch_after_batch_goes_over_one_call(world: World) -> None:
    async with world.line_to("NORTH") as line:
        session, begun = await session_of(line), calls_begun(line)
        for number in range(3):
            (outcome,) = await line.post(session, additions(f"batch-{number}"))
            assert outcome.kind is OutcomeKind.REFUSED
        assert len(begun) == 1


async def test_two_batches_at_once_take_two_calls(world: World) -> None:
    async with world.line_to("NORTH") as line:
        session, begun = await session_of(line), calls_begun(line)
        await asyncio.gather(line.post(session, additions("left")), line.post(session, additions("right")))
        await asyncio.gather(line.post(session, additions("left 2")), line.post(session, additions("right 2")))
        assert len(begun) == 2


async def test_an_answer_that_comes_late_is_not_taken_for_that_of_the_next_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = world.banks["NORTH"].server._bank
    real, go_on = bank.post, asyncio.Event()

    async def slow(session_id: bytes, instructions: list[Instruction]) -> object:
        await go_on.wait()
        return await real(session_id, instructions)

    async with world.line_to("NORTH") as line:
        session, begun = await session_of(line), calls_begun(line)
        monkeypatch.setattr(bank, "post", slow)
        monkeypatch.setattr(bank_port, "DEADLINE", 0.05)
        with pytest.raises(Unknown, match="no answer in time"):
            await line.post(session, additions("late"))
        monkeypatch.undo()
        go_on.set()
        next_one = additions("next")
        (outcome,) = await line.post(session, next_one)
        assert outcome.transfer_id == next_one[0].transfer_id
        assert len(begun) == 2


async def test_a_refused_batch_ends_its_call_and_no_other(world: World) -> None:
    async with world.line_to("NORTH") as line:
        session, begun = await session_of(line), calls_begun(line)
        await line.post(session, additions("first"))
        with refused(Reason.SESSION_SUPERSEDED):
            await line.post(b"another", additions("second"))
        await line.post(session, additions("third"))
        assert len(begun) == 2


async def test_a_bank_that_stops_does_not_wait_for_calls_that_wait_for_it(world: World) -> None:
    async with world.line_to("NORTH") as line:
        session = await session_of(line)
        await line.post(session, additions("before"))
        (call,) = line._open_calls
        async with asyncio.timeout(GRACE_SECONDS / 2):
            await world.stop_bank("NORTH")
        assert call.done()
        with pytest.raises(Unknown):
            await line.post(session, additions("after"))


async def test_a_batch_under_way_is_answered_before_its_bank_stops(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = world.banks["NORTH"].server
    conversations, real, reached, go_on = (
        server._servicer.conversations,
        server._bank.post,
        asyncio.Event(),
        asyncio.Event(),
    )

    async def slow(session_id: bytes, instructions: list[Instruction]) -> object:
        reached.set()
        await go_on.wait()
        return await real(session_id, instructions)

    async with world.line_to("NORTH") as line:
        session = await session_of(line)
        monkeypatch.setattr(server._bank, "post", slow)
        posting = asyncio.create_task(line.post(session, additions("under way")))
        await reached.wait()
        stopping = asyncio.create_task(world.stop_bank("NORTH"))
        await conversations._ended.wait()
        go_on.set()
        (outcome,) = await posting
        assert outcome.kind is OutcomeKind.REFUSED
        await stopping
