"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import Connection

from bank_service.account_acts import NewAccount
from bank_service.admission import admit
from interbank.instructions import Evidence, Head
from interbank.instructions import InstructionKind as I
from interbank.instructions import OutcomeKind as O
from interbank.refusals import Reason, Refused
from interbank.rpc.status import from_rpc_error
from tests.contracts.doors import ask, standing, unary
from tests.contracts.one_bank import OneBank
from tests.instructing import credit_to_north, evidence, instruct
from tests.refusing import refused


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[OneBank]:
    started = await OneBank(tmp_path / "bank.db").start()
    yield started
    started.stop()


@pytest.mark.parametrize("character", ["家", "🏦"])
async def test_words_in_any_script_are_cut_short_enough(character: str) -> None:
    """They are counted in characters and sent in bytes, the message thrice, once with a percent sign for each: now and
    then the client takes the answer for overload, and breaks on a status that contradicts its details."""

    async def answer(_: bytes, __: Any) -> bytes:
        raise Refused(Reason.UNKNOWN_BANK, character * 500, field="bank", hint=character * 500)

    async with standing({"Refuse": unary(answer)}) as address:
        for _ in range(40):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(address, "Refuse")
            assert from_rpc_error(caught.value).reason is Reason.UNKNOWN_BANK


def test_a_status_that_contradicts_its_details_is_some_refusal_too() -> None:
    """Whoever stands between may change the code; from_rpc_error always returns a refusal."""
    packed = (("grpc-status-details-bin", b"\x08\x05"),)  # google.rpc.Status{code: NOT_FOUND}
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(*packed))
    assert from_rpc_error(error).reason is Reason.GATEWAY_UNREACHABLE


async def test_a_large_file_of_users_at_other_numbers_is_refused_for_what_is_wrong(bank: OneBank) -> None:
    """50,000 named accounts for users who have others: three keys for each line are one question of 300,000 values."""

    def fifty_thousand_open_accounts(connection: Connection) -> None:
        connection.exec_driver_sql(
            "INSERT INTO accounts WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
            "SELECT 2000 + i, 'customer', 'user' || i, 'EUR', 'OPEN', 0 FROM n"
        )

    await bank.database.write(fifty_thousand_open_accounts)
    with refused(Reason.USER_HAS_ACCOUNT):
        await bank.acts.open_accounts([NewAccount(900_000 + n, f"user{n}", 5, None) for n in range(1, 50_001)], "admin")


MAY_DO_WITHOUT = {
    "Debit": instruct(I.DEBIT),
    "CancelCredit": instruct(I.CANCEL_CREDIT, credit_to_north(1).order, principal="user:bob"),
}
FALSE = {
    "of a third bank": evidence("EAST", O.DEBITED),
    "of another outcome": evidence("SOUTH", O.CREDITED),
    "of no record": Evidence("SOUTH", O.DEBITED, Head(10**15, b"")),
}


@pytest.mark.parametrize("proof", FALSE.values(), ids=FALSE)
@pytest.mark.parametrize("instruction", MAY_DO_WITHOUT.values(), ids=MAY_DO_WITHOUT)
def test_evidence_that_is_not_needed_is_not_believed_either(instruction: Any, proof: Evidence) -> None:
    """It is stored and counts as a position of that bank, which is quarantined for ever if it never had it."""
    with refused(Reason.INSTRUCTION_MALFORMED, field="evidence"):
        admit(replace(instruction, evidence=proof), "NORTH")
