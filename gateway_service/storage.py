"""The journal's SQL: orders accepted, states saved, transfers found. Set-based on the path of a payment."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text, tuple_, union, update

from gateway_service.tables import about, banks, transfers
from gateway_service.transfer import State, Transfer
from interbank.instructions import Evidence, Head, OutcomeKind
from interbank.orders import Order
from interbank.storage.rows import insert_rows, update_rows
from interbank.storage.statements import VALUES, Lookup, Statement

_ACCEPTED = (
    transfers.c.transfer_id,
    transfers.c.fingerprint,
    transfers.c.payer_bank,
    transfers.c.payer_account,
    transfers.c.payee_bank,
    transfers.c.payee_account,
    transfers.c.payee_name,
    transfers.c.amount,
    transfers.c.currency,
    transfers.c.reference,
    transfers.c.idempotency_key,
    transfers.c.principal,
    transfers.c.access,
    transfers.c.actor,
    transfers.c.patient,
    transfers.c.accepted_at,
    transfers.c.state,
    transfers.c.reason,
    transfers.c.suspended,
)
"""The columns of an order of which no bank has been asked: the database numbers it, and what is empty is not written
out, because to bind nothing takes the driver longer than to bind a value."""

_EVIDENCE = (
    transfers.c.debit_record_id,
    transfers.c.debit_chain_hash,
    transfers.c.credit_outcome,
    transfers.c.credit_record_id,
    transfers.c.credit_chain_hash,
    transfers.c.ending_outcome,
    transfers.c.ending_record_id,
    transfers.c.ending_chain_hash,
)
_COLUMNS = (*_ACCEPTED, *_EVIDENCE, transfers.c.finished_at, transfers.c.journal_id)
_SAVED = (transfers.c.state, transfers.c.reason, transfers.c.finished_at, transfers.c.access, *_EVIDENCE)
_BY_KEYS = Lookup(
    select(*_COLUMNS).where(tuple_(transfers.c.principal, transfers.c.idempotency_key).in_(VALUES)),
)
_BY_IDS = Lookup(select(*_COLUMNS).where(transfers.c.transfer_id.in_(VALUES)))
_UNFINISHED = Statement(
    select(*_COLUMNS).where(transfers.c.finished_at.is_(None)).order_by(transfers.c.journal_id),
)
_MAY_BE_LOST = Statement(select((about.c.after_loss == 1) | (about.c.epoch == 0)))
_HEADS = Statement(select(banks.c.bank, banks.c.head_record_id, banks.c.head_chain_hash))

_SUSPEND = update(transfers).where(transfers.c.transfer_id == bindparam("id")).values(suspended=bindparam("cause"))
_HEAD = (banks.c.head_record_id, banks.c.head_chain_hash)


def find_by_keys(connection: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Transfer]:
    """The transfers of these (principal, key) pairs, as far as they are known."""
    found = map(_transfer, _BY_KEYS.rows(connection, keys))
    return {(transfer.principal, transfer.order.idempotency_key): transfer for transfer in found}


def find_by_ids(connection: Connection, ids: Iterable[bytes]) -> dict[bytes, Transfer]:
    """The transfers of these ids, as far as they are known."""
    return {transfer.transfer_id: transfer for transfer in map(_transfer, _BY_IDS.rows(connection, ids))}


def find_by_prefix(
    connection: Connection, low: bytes, high: bytes, *, principal: str | None, limit: int
) -> list[Transfer]:
    """Transfers whose id lies between `low` and `high`, of one principal or of all."""
    query = select(*_COLUMNS).where(transfers.c.transfer_id.between(low, high)).limit(limit)
    if principal is not None:
        query = query.where(transfers.c.principal == principal)
    return [_transfer(row) for row in connection.execute(query)]


def list_unfinished(connection: Connection) -> list[Transfer]:
    """Every transfer that is not final, in the order in which they were accepted."""
    return [_transfer(row) for row in _UNFINISHED.rows(connection)]


def list_transfers(
    connection: Connection, *, principal: str | None, unfinished_only: bool, before: int, limit: int
) -> list[tuple[int, Transfer]]:
    """Transfers with their journal numbers, newest first, of one principal or of all, those below `before` (0: all)."""
    query: Select[Any] = select(*_COLUMNS).order_by(transfers.c.journal_id.desc()).limit(limit)
    if principal is not None:
        query = query.where(transfers.c.principal == principal)
    if unfinished_only:
        query = query.where(transfers.c.finished_at.is_(None))
    if before:
        query = query.where(transfers.c.journal_id < before)
    return [(row.journal_id, _transfer(row)) for row in connection.execute(query)]


def journal_was_lost(connection: Connection) -> bool:
    """Whether this journal was begun in a network whose banks had seen another one."""
    return bool(connection.execute(select(about.c.after_loss)).scalar())


def journal_may_be_lost(connection: Connection) -> bool:
    """Whether the banks had seen another journal, or none of them has been asked yet since this one was begun."""
    ((lost,),) = _MAY_BE_LOST.rows(connection)
    return bool(lost)


def heads_in_journal(connection: Connection, bank: str) -> list[Head]:
    """Every position of a bank at which a transfer's outcome stands, lowest first."""
    sides = (
        (transfers.c.payer_bank, transfers.c.debit_record_id, transfers.c.debit_chain_hash),
        (transfers.c.payee_bank, transfers.c.credit_record_id, transfers.c.credit_chain_hash),
        (transfers.c.payer_bank, transfers.c.ending_record_id, transfers.c.ending_chain_hash),
    )
    found = (select(number, chain_hash).where(side == bank, number > 0) for side, number, chain_hash in sides)
    rows = union(*found).order_by(text("1"))
    return [Head(*row) for row in connection.execute(rows)]


def list_concerning(connection: Connection, bank: str, *, above: int) -> list[Transfer]:
    """Transfers of which an outcome stands in a bank's records above this one."""
    debited = (transfers.c.payer_bank == bank) & (transfers.c.debit_record_id > above)
    decided = (transfers.c.payee_bank == bank) & (transfers.c.credit_record_id > above)
    ended = (transfers.c.payer_bank == bank) & (transfers.c.ending_record_id > above)
    return [_transfer(row) for row in connection.execute(select(*_COLUMNS).where(debited | decided | ended))]


def accept_transfers(connection: Connection, new: Sequence[Transfer]) -> None:
    """Write accepted orders, of which no bank has been asked yet, each with the next journal number."""
    insert_rows(connection, transfers, list(map(_accepted, new)), _ACCEPTED)


def adopt_transfers(connection: Connection, found: Sequence[Transfer]) -> None:
    """Write transfers that have come further than the journal knew, none of them final."""
    insert_rows(connection, transfers, [(*_accepted(t), *_evidence(t)) for t in found], (*_ACCEPTED, *_EVIDENCE))


def save_transfers(connection: Connection, changed: Sequence[Transfer]) -> None:
    """Write how far these transfers have come, and why some were suspended; a final row keeps its answer."""
    rows = [(transfer.transfer_id, *_changes(transfer)) for transfer in changed]
    update_rows(connection, transfers.c.transfer_id, _SAVED, rows, only_if="finished_at IS NULL")
    suspended = [{"id": t.transfer_id, "cause": t.suspended} for t in changed if t.suspended]
    if suspended:
        connection.execute(_SUSPEND, suspended)


def suspend_transfer(connection: Connection, transfer_id: bytes, cause: str) -> None:
    """Mark a transfer, final or not, as one that a human must look at; without a cause he has looked."""
    connection.execute(_SUSPEND, {"id": transfer_id, "cause": cause})


def save_heads(connection: Connection, heads: dict[str, Head]) -> None:
    """Remember the highest position seen of each bank."""
    rows = [(bank, head.record_id, head.chain_hash) for bank, head in heads.items()]
    update_rows(connection, banks.c.bank, _HEAD, rows, only_if="head_record_id < given.head_record_id")


def known_heads(connection: Connection) -> dict[str, Head]:
    """The highest position seen of each bank."""
    return {bank: Head(record_id, chain_hash) for bank, record_id, chain_hash in _HEADS.rows(connection)}


def _transfer(row: Sequence[Any]) -> Transfer:
    """A row of `_COLUMNS`."""
    transfer_id, fingerprint, *order_columns = row[:11]
    principal, access, actor, patient, accepted_at, state, reason, suspended = row[11:19]
    debit_record_id, debit_chain_hash, credit_outcome, credit_record_id, credit_chain_hash = row[19:24]
    ending_outcome, ending_record_id, ending_chain_hash, finished_at = row[24:28]
    order = Order(*order_columns)
    debit = credit = ending = None
    if debit_record_id is not None:
        debit = Evidence(order.payer_bank, OutcomeKind.DEBITED, Head(debit_record_id, debit_chain_hash))
    if credit_outcome is not None:
        head = Head(credit_record_id, credit_chain_hash)
        credit = Evidence(order.payee_bank, OutcomeKind[credit_outcome], head)
    if ending_outcome is not None:
        head = Head(ending_record_id, ending_chain_hash)
        ending = Evidence(order.payer_bank, OutcomeKind[ending_outcome], head)
    return Transfer(
        transfer_id=transfer_id,
        fingerprint=fingerprint,
        order=order,
        principal=principal,
        access=access,
        actor=actor,
        patient=bool(patient),
        accepted_at=accepted_at,
        state=State[state],
        reason=reason,
        debit=debit,
        credit=credit,
        ending=ending,
        finished_at=finished_at,
        suspended=suspended,
    )


def _accepted(transfer: Transfer) -> tuple[Any, ...]:
    """The columns of `_ACCEPTED`, in that order."""
    order = transfer.order
    return (
        transfer.transfer_id,
        transfer.fingerprint,
        order.payer_bank,
        order.payer_account,
        order.payee_bank,
        order.payee_account,
        order.payee_name,
        order.minor_units,
        order.currency,
        order.reference,
        order.idempotency_key,
        transfer.principal,
        transfer.access,
        transfer.actor,
        int(transfer.patient),
        transfer.accepted_at,
        transfer.state._name_,
        transfer.reason,
        transfer.suspended,
    )


def _changes(transfer: Transfer) -> tuple[Any, ...]:
    """The columns of `_SAVED`, in that order."""
    return (
        transfer.state._name_,
        transfer.reason,
        transfer.finished_at,
        b"" if transfer.final else transfer.access,  # nobody is asked any more, so nobody need keep it
        *_evidence(transfer),
    )


def _evidence(transfer: Transfer) -> tuple[Any, ...]:
    """The columns of `_EVIDENCE`, in that order."""
    debit, credit, ending = transfer.debit, transfer.credit, transfer.ending
    return (
        debit.head.record_id if debit else None,
        debit.head.chain_hash if debit else None,
        credit.kind._name_ if credit else None,
        credit.head.record_id if credit else None,
        credit.head.chain_hash if credit else None,
        ending.kind._name_ if ending else None,
        ending.head.record_id if ending else None,
        ending.head.chain_hash if ending else None,
    )
