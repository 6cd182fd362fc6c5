"""Laws 1 and 2: unknown is not refused, and what is asked again is done once."""

import asyncio
import math
from collections.abc import Callable

import grpc
import pytest

from gateway_service.bank_port import Unknown, _explained
from interbank.instructions import Instruction, InstructionKind
from interbank.refusals import Reason, Refused
from protos.v1 import gateway_pb2, order_pb2
from tests import books
from tests.refusing import refused
from tests.wire import Wire
from tests.world import World, an_order, money

COMPLETED = order_pb2.TRANSFER_STATE_COMPLETED
RETURNED = order_pb2.TRANSFER_STATE_RETURNED
EVER = 10**9

WAYS = {
    "a lost request": Wire.lose_request,
    "three lost requests": lambda wire, kind: wire.lose_request(kind, times=3),
    "a lost reply": Wire.lose_reply,
    "three lost replies": lambda wire, kind: wire.lose_reply(kind, times=3),
    "a repeated request": Wire.repeat,
}
Way = Callable[[Wire, InstructionKind], None]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", [InstructionKind.DEBIT, InstructionKind.CREDIT, InstructionKind.SETTLE])
async def test_a_payment_between_banks_moves_money_once_despite(
    shared_world: World, kind: InstructionKind, way: Way
) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    await world.connected("NORTH", "SOUTH")  # what the test before this one lost may keep them apart for a moment
    way(world.wire, kind)

    # The whole balance: asked again, the order would be refused if its outcome were not looked up first.
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 10_00, "once")
    assert paid.transfer.state == COMPLETED
    await world.quiet()

    assert await alice.balance("NORTH") == 0
    assert await bob.balance("SOUTH") == 10_00
    books.check(world.home)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_payment_within_one_bank_moves_money_once_despite(shared_world: World, way: Way) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    carol = await world.customer("carol", "NORTH")
    way(world.wire, InstructionKind.BOOK_TRANSFER)

    paid = await alice.pay(alice.at("NORTH"), carol.named_at("NORTH"), 10_00, "once")

    assert paid.transfer.state == COMPLETED
    assert (await alice.balance("NORTH"), await carol.balance("NORTH")) == (0, 10_00)
    books.check(world.home)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_money_comes_back_once_despite(shared_world: World, way: Way) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    credit = world.wire.hold_request(InstructionKind.CREDIT)
    way(world.wire, InstructionKind.RETURN_DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "back")])
    await credit.arrived.wait()
    await (await world.operator()).set_status("SOUTH", bob.accounts["SOUTH"], "FROZEN")
    credit.release()

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "back")

    assert (paid.transfer.state, paid.transfer.reason) == (RETURNED, "PAYEE_ACCOUNT_FROZEN")
    assert await alice.balance("NORTH") == 10_00
    books.check(world.home)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.usefixtures("short_patience")
async def test_a_payment_is_given_up_once_despite(shared_world: World, way: Way) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    world.wire.lose_request(InstructionKind.CREDIT, times=EVER)
    way(world.wire, InstructionKind.CANCEL_CREDIT)

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "given-up")
    world.wire.heal()

    assert (paid.transfer.state, paid.transfer.reason) == (RETURNED, "CANCELLED_BY_PATIENCE")
    assert await alice.balance("NORTH") == 10_00
    assert await bob.balance("SOUTH") == 0
    books.check(world.home)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_refusal_stays_a_refusal_despite(shared_world: World, way: Way) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH")
    bob = await world.customer("bob", "SOUTH")
    way(world.wire, InstructionKind.DEBIT)

    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "broke")

    assert paid.transfer.reason == "INSUFFICIENT_FUNDS"
    books.check(world.home)


async def test_a_deposit_whose_answer_was_lost_is_asked_for_again_and_done_once(shared_world: World) -> None:
    alice = await shared_world.customer("alice", "NORTH")
    shared_world.wire.lose_reply(InstructionKind.DEPOSIT)
    deposit = gateway_pb2.DepositRequest(bank="NORTH", amount=money(5_00), idempotency_key="in")
    with refused(Reason.OUTCOME_UNKNOWN):
        await alice.call("AccountService", "Deposit", deposit)
    again = await alice.call("AccountService", "Deposit", deposit)
    assert again.result.replayed
    assert await alice.balance("NORTH") == 5_00


async def test_a_debit_stands_even_if_its_customer_logs_out_before_it_is_asked_for_again(shared_world: World) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    held = world.wire.hold_reply(InstructionKind.DEBIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "before-logout")])
    await held.arrived.wait()
    await alice.call("SessionService", "Logout", gateway_pb2.LogoutRequest())
    held.lose()
    alice.token = ""
    await alice.login(alice.username)
    await world.until(lambda: alice.in_state("before-logout", "COMPLETED"))
    await world.quiet()


async def test_a_completed_payment_is_settled_at_once_and_not_only_when_open_debits_are_asked_for(
    shared_world: World,
) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    await world.quiet()
    world.link("NORTH")._question_at = math.inf
    await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "settled")
    await world.quiet()
    world.ask_for_open_debits("NORTH")


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_no_status_of_a_bank_decides_anything(code: grpc.StatusCode) -> None:
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="INSUFFICIENT_FUNDS")
    assert isinstance(_explained(error), Unknown)


@pytest.mark.parametrize("reason", [Reason.INSUFFICIENT_FUNDS, Reason.STORAGE_FULL, Reason.BANK_BUSY, Reason.INTERNAL])
async def test_a_refusal_that_is_no_outcome_decides_nothing_either(
    shared_world: World, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    world = shared_world
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    bank = world.banks["SOUTH"].server._bank
    post, left = bank.post, [reason] * 3

    def stumbling(*arguments: object) -> object:
        if left:
            raise Refused(left.pop())
        return post(*arguments)

    monkeypatch.setattr(bank, "post", stumbling)
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "stumbling")

    assert paid.transfer.state == COMPLETED
    assert not left


async def test_an_answer_that_could_not_be_taken_in_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours, once: the bank's answer is there, and the transfer must not be in nobody's line."""
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    pipeline = world.gateway.server.gateway.pipeline
    take_in, faults = pipeline.answered, [RuntimeError("once")]

    def faulty(*arguments: object) -> None:
        if faults:
            raise faults.pop()
        take_in(*arguments)

    monkeypatch.setattr(pipeline, "answered", faulty)
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 4_00, "faulty")
    assert (paid.transfer.state, faults) == (COMPLETED, [])
    await world.quiet()
    books.check(world.home)


async def test_an_instruction_that_its_bank_calls_malformed_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    monkeypatch.setattr("gateway_service.line.STUMBLED_PAUSE", 0.5)
    bank = world.banks["SOUTH"].server._bank
    post = bank.post

    def particular(session: bytes, instructions: list[Instruction]) -> object:
        if any(i.order.idempotency_key == "strange" for i in instructions):
            raise Refused(Reason.INSTRUCTION_MALFORMED, "it is of no kind that is known here")
        return post(session, instructions)

    with monkeypatch.context() as patch:
        patch.setattr(bank, "post", particular)
        await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, "strange")])
        for n in range(5):
            paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, f"usual-{n}")
            assert paid.transfer.state == COMPLETED
        assert world.log.getvalue().count("SOUTH is DOWN") == 0, "its session goes on"
    await world.until(lambda: alice.in_state("strange", "COMPLETED"))
    await world.quiet()
    books.check(world.home)


async def test_a_payment_that_gathers_company_while_its_bank_joins_anew_is_not_forgotten(world: World) -> None:
    """Fifty others move elsewhere, so the line before NORTH waits for company, and its session ends meanwhile."""
    alice = await world.customer("alice", "NORTH", cents=100_00)
    bob = await world.customer("bob", "SOUTH")
    held = world.wire.hold_request(InstructionKind.CREDIT)
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 1_00, f"other-{n}") for n in range(50)])
    await held.arrived.wait()
    link = world.link("NORTH")
    await alice.submit([an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 50, "rent")], patient=True)
    link.moved_to("localhost:1")
    link.moved_to(world.banks["NORTH"].address)
    held.release()

    await world.until(lambda: alice.in_state("rent", "COMPLETED"))
    await world.quiet()
    books.check(world.home)


async def test_a_log_that_takes_nothing_stops_no_payment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    full = Full()
    for log in (world.link("NORTH")._log, world.banks["SOUTH"].server._around.log):
        monkeypatch.setattr(log, "_stream", full)
    paid = await alice.pay(alice.at("NORTH"), bob.named_at("SOUTH"), 50, "rent")
    assert paid.transfer.state == COMPLETED
    assert full.refused


class Full:
    """A file on a full disk."""

    refused = 0

    def write(self, _text: str) -> None:
        self.refused += 1
        raise OSError(28, "No space left on device")


async def test_callers_who_have_gone_are_forgotten(world: World) -> None:
    alice = await world.customer("alice", "NORTH", cents=10_00)
    bob = await world.customer("bob", "SOUTH")
    held = world.wire.hold_request(InstructionKind.CREDIT)
    request = gateway_pb2.TransferRequest(order=an_order(alice.at("NORTH"), bob.named_at("SOUTH"), 3_00, "k"))
    pipeline = world.gateway.server.gateway.pipeline
    for _ in range(3):
        calling = asyncio.ensure_future(alice.call("PaymentService", "Transfer", request))
        await world.until(lambda: any(underway.waiters for underway in pipeline._underway.values()))
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await world.until(lambda: not any(underway.waiters for underway in pipeline._underway.values()))
    held.release()
    await world.quiet()
