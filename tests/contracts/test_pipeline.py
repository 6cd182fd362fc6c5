"""The gateway's pipeline beside its journal, without banks: what is durable first, and what a lost journal finds."""

import asyncio
import gc
import os
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from gateway_service.bank_port import OpenDebit
from gateway_service.banks import Link
from gateway_service.directory import Directory
from gateway_service.fencing import Fence
from gateway_service.pipeline import Pipeline
from gateway_service.repair import Repair
from gateway_service.schema import SCHEMA
from gateway_service.storage import accept_transfers, find_by_ids, known_heads, save_heads, save_transfers
from gateway_service.submission import Banks
from gateway_service.tables import banks, currencies
from gateway_service.transfer import State, Transfer, give_up
from gateway_service.underway import Underway
from interbank.instruction_log import InstructionLog
from interbank.instructions import Head
from interbank.instructions import OutcomeKind as O
from interbank.orders import Order, fingerprint, transfer_id
from interbank.refusals import Reason
from interbank.storage.database import ThreadedDatabase
from tests.contracts.one_bank import Watch
from tests.databases import make_database
from tests.instructing import NOW, ORDER, evidence


def a_transfer(order: Order = ORDER, **fields: Any) -> Transfer:
    digest = fingerprint(order)
    identity = transfer_id("user:alice", order.idempotency_key, digest)
    made = Transfer(identity, digest, order, "user:alice", b"", "", patient=False, accepted_at=NOW)
    return replace(made, **fields)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[ThreadedDatabase]:
    path = tmp_path / "gateway.db"
    make_database(path, SCHEMA)
    database = ThreadedDatabase(path, broken=lambda _: None)
    yield database
    database.close()


def a_pipeline(database: ThreadedDatabase) -> tuple[Pipeline, Directory]:
    """As the gateway puts it together, with links that have no connection."""
    clock, fence = Watch(), Fence(database, b"i" * 16, lambda _: None)
    directory: Directory
    pipeline = Pipeline(database, lambda: directory, fence, clock)

    def new_link(bank: str) -> Link:
        def never(address: str) -> Any:
            raise AssertionError(address)

        repair = Repair(database, fence, dict, (), pipeline.underway, os.urandom)
        return Link(bank, never, fence, pipeline, repair, clock, Random(0), InstructionLog("gateway", clock))

    directory = Directory(database, fence, clock, new_link)
    return pipeline, directory


async def test_a_step_back_is_not_sent_before_it_is_durable(journal: ThreadedDatabase) -> None:
    """It stood in the line of its bank with the step before; the line looks at what it is now, not at what is saved."""
    pipeline, directory = a_pipeline(journal)
    underway = Underway(a_transfer(state=State.DEBITED, debit=evidence("NORTH", O.DEBITED)))
    link = directory.link_for_driving("SOUTH")
    link.enqueue(underway)
    pipeline._move(underway, give_up(underway.transfer))
    assert underway.unsaved
    assert link._line.take() == []


async def test_a_debit_under_a_key_that_is_taken_again_keeps_no_other_from_being_adopted(
    journal: ThreadedDatabase,
) -> None:
    """The journal was lost; alice has used the key of a payment from NORTH for another one, from EAST. Every look at
    NORTH's open debits fails from then on, and with it NORTH's link, for ever."""
    pipeline, directory = a_pipeline(journal)
    again = a_transfer(replace(ORDER, payer_bank="EAST", minor_units=7))
    lost, other = a_transfer(), a_transfer(replace(ORDER, idempotency_key="k-2"))
    accepting = asyncio.create_task(pipeline.run())
    await pipeline.accept([again])
    accepting.cancel()

    proof = evidence("NORTH", O.DEBITED, 11)
    found = [OpenDebit(t.transfer_id, t.fingerprint, t.order, t.principal, proof) for t in (lost, other)]
    await pipeline.open_debits("NORTH", found)
    assert directory.link_for_driving("SOUTH").waiting >= 1
    adopted = await journal.read(lambda connection: find_by_ids(connection, [other.transfer_id]))
    assert other.transfer_id in adopted


async def test_a_debit_is_adopted_together_with_the_position_of_its_bank_that_it_shows(
    journal: ThreadedDatabase,
) -> None:
    """Else a crash right after leaves a journal that has seen the debit and forgotten that its bank was so far: an old
    copy of the bank would not be found out."""
    pipeline, _ = a_pipeline(journal)
    await journal.write(lambda connection: connection.execute(insert(currencies).values(currency="EUR", scale=100)))
    known = {"bank": "NORTH", "currency": "EUR", "address": "localhost:1", "joined_at": NOW}
    await journal.write(
        lambda connection: connection.execute(
            insert(banks).values(**known, head_record_id=3, head_chain_hash=b"3" * 32)
        )
    )
    lost = a_transfer()
    proof = evidence("NORTH", O.DEBITED, 11)
    await pipeline.open_debits(
        "NORTH", [OpenDebit(lost.transfer_id, lost.fingerprint, lost.order, lost.principal, proof)]
    )
    assert (await journal.read(known_heads))["NORTH"] == proof.head


async def test_a_final_row_keeps_its_answer_whatever_is_saved_after_it(journal: ThreadedDatabase) -> None:
    accepted = a_transfer()
    decided = evidence("SOUTH", O.CREDITED)
    completed = replace(accepted, state=State.COMPLETED, credit=decided, finished_at=NOW)
    refused = replace(accepted, state=State.REFUSED, reason="INSUFFICIENT_FUNDS", finished_at=NOW + 1)
    await journal.write(lambda connection: accept_transfers(connection, [accepted]))
    for later in (completed, refused, accepted):
        await journal.write(partial(save_transfers, changed=[later]))
    found = await journal.read(lambda connection: find_by_ids(connection, [accepted.transfer_id]))
    assert found == {accepted.transfer_id: completed}


async def test_a_head_that_is_lower_than_the_one_in_the_journal_does_not_replace_it(journal: ThreadedDatabase) -> None:
    def add(connection: Connection) -> None:
        connection.execute(insert(currencies).values(currency="EUR", scale=100))
        for bank in ("NORTH", "SOUTH"):
            row = {"currency": "EUR", "address": "localhost:1", "joined_at": NOW}
            connection.execute(insert(banks).values(bank=bank, head_record_id=5, head_chain_hash=b"5" * 32, **row))

    await journal.write(add)
    lower, higher = Head(4, b"4" * 32), Head(6, b"6" * 32)
    await journal.write(lambda connection: save_heads(connection, {"NORTH": lower, "SOUTH": higher}))
    assert await journal.read(known_heads) == {"NORTH": Head(5, b"5" * 32), "SOUTH": higher}


async def test_a_bank_is_looked_at_once_for_all_orders_of_a_request_and_for_each_side(
    journal: ThreadedDatabase,
) -> None:
    pipeline, directory = a_pipeline(journal)
    looked_at = Banks(directory, pipeline)
    payer, again = (looked_at.refusal("NOWHERE", "payer_bank", "EUR") for _ in range(2))
    payee = looked_at.refusal("NOWHERE", "payee_bank", "EUR")
    assert payer is not None
    assert payee is not None
    assert payer is again
    assert (payer.reason, payer.field) == (Reason.UNKNOWN_BANK, "payer_bank")
    assert (payee.reason, payee.field) == (Reason.UNKNOWN_BANK, "payee_bank")


async def test_what_is_refused_of_a_request_holds_none_of_it(journal: ThreadedDatabase) -> None:
    pipeline, directory = a_pipeline(journal)
    gc.disable()  # what is held in a circle stays
    try:
        looked_at = Banks(directory, pipeline)
        gone = weakref.ref(looked_at)
        refused = looked_at.refusal("NOWHERE", "payer_bank", "EUR")
        del looked_at
        assert refused is not None
        assert gone() is None
    finally:
        gc.enable()
