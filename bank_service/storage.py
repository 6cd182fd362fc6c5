"""The SQL of the path of a payment: a Book loaded for a batch, and what the batch gathered stored.

Set-based: the number of statements does not depend on the size of the batch. Plain rows, no ORM.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, tuple_

from bank_service.books import CASH, CLEARING, Account, Book, Decision, Gathered, Grant
from bank_service.ledger import grant_hash
from bank_service.settings import BankSettings
from bank_service.tables import (
    HOLDS_KEY_SQL,
    accounts,
    acts,
    conclusions,
    counterpart_heads,
    entries,
    grants,
    open_debits,
    outcomes,
    records,
)
from interbank.instructions import NO_HEAD, Head, Instruction, OutcomeKind
from interbank.storage.rows import delete_rows, in_parts, insert_rows, update_rows

_concluding = records.alias("concluding")
_returning = entries.alias("return_entry")

_LAST_RECORD = select(records.c.record_id, records.c.chain_hash, records.c.recorded_at).order_by(
    records.c.record_id.desc()
)
_LAST_ENTRY = select(entries.c.entry_id).order_by(entries.c.entry_id.desc())

_DECISIONS = (
    select(
        outcomes.c.transfer_id,
        outcomes.c.outcome,
        outcomes.c.reason,
        outcomes.c.fingerprint,
        outcomes.c.payer_account,
        records.c.record_id,
        records.c.chain_hash,
        entries.c.entry_id,
        entries.c.debit_account,
        entries.c.debit_balance_after,
        entries.c.credit_balance_after,
        conclusions.c.outcome.label("conclusion"),
        _concluding.c.record_id.label("concluding_record_id"),
        _concluding.c.chain_hash.label("concluding_chain_hash"),
        _returning.c.entry_id.label("returning_entry_id"),
        _returning.c.credit_balance_after.label("returning_balance_after"),
    )
    .select_from(
        outcomes.join(records, records.c.record_id == outcomes.c.record_id)
        .outerjoin(entries, entries.c.record_id == outcomes.c.record_id)
        .outerjoin(conclusions, conclusions.c.transfer_id == outcomes.c.transfer_id)
        .outerjoin(_concluding, _concluding.c.record_id == conclusions.c.record_id)
        .outerjoin(_returning, _returning.c.record_id == conclusions.c.record_id)
    )
    .where(outcomes.c.transfer_id.in_(bindparam("ids", expanding=True)))
)
_KEYS = select(outcomes.c.principal, outcomes.c.idempotency_key, outcomes.c.transfer_id).where(
    tuple_(outcomes.c.principal, outcomes.c.idempotency_key).in_(bindparam("keys", expanding=True)),
    # Word for word as in the index, and not as parameters: else SQLite reads the whole table.
    text(HOLDS_KEY_SQL),
)
_ACCOUNTS = select(
    accounts.c.account,
    accounts.c.kind,
    accounts.c.username,
    accounts.c.currency,
    accounts.c.status,
    accounts.c.balance,
).where(accounts.c.account.in_(bindparam("numbers", expanding=True)))
_GRANTS = select(grants.c.grant_hash, grants.c.account, grants.c.username, grants.c.ends_at, grants.c.ended_at).where(
    grants.c.grant_hash.in_(bindparam("hashes", expanding=True))
)

_SEE_HEAD = text(
    "INSERT INTO counterpart_heads (bank, record_id, chain_hash) VALUES (:bank, :record_id, :chain_hash) "
    "ON CONFLICT (bank) DO UPDATE SET record_id = excluded.record_id, chain_hash = excluded.chain_hash "
    "WHERE excluded.record_id > counterpart_heads.record_id"
)


def load_book(connection: Connection, settings: BankSettings, now: int) -> Book:
    """A Book that holds the bank's head and its internal accounts, dated not before the last record."""
    last = connection.execute(_LAST_RECORD.limit(1)).first()
    last_entry_id = connection.execute(_LAST_ENTRY.limit(1)).scalar() or 0
    head = Head(last.record_id, last.chain_hash) if last else NO_HEAD
    book = Book(
        bank=settings.bank,
        currency=settings.currency,
        counter_open=settings.counter_open,
        operator_admitted=settings.operator_admitted,
        now=max(now, last.recorded_at) if last else now,
        head=head,
        last_entry_id=last_entry_id,
    )
    load_accounts(connection, book, (CASH, CLEARING))
    return book


def load_batch(connection: Connection, book: Book, instructions: Sequence[Instruction]) -> None:
    """Add to the Book all that these instructions may look at."""
    _load_decisions(connection, book, [instruction.transfer_id for instruction in instructions])
    load_keys(connection, book, [(i.principal, i.order.idempotency_key) for i in instructions if i.order.payer_bank])
    load_accounts(connection, book, _touched(book, instructions))
    hashes = {grant_hash(instruction.grant) for instruction in instructions if instruction.grant}
    if hashes:
        for row in connection.execute(_GRANTS, {"hashes": list(hashes)}):
            book.grants[row.grant_hash] = Grant(row.account, row.username, row.ends_at, row.ended_at is not None)


def _touched(book: Book, instructions: Iterable[Instruction]) -> set[int]:
    numbers: set[int] = set()
    for instruction in instructions:
        order = instruction.order
        if order.payer_bank == book.bank:
            numbers.add(order.payer_account)
        if order.payee_bank == book.bank:
            numbers.add(order.payee_account)
    return numbers - book.accounts.keys()


def load_accounts(connection: Connection, book: Book, numbers: Iterable[int]) -> None:
    """Add these accounts to the Book, as far as they exist."""
    for part in in_parts(numbers):
        for row in connection.execute(_ACCOUNTS, {"numbers": part}):
            book.accounts[row.account] = Account(*row)


def load_keys(connection: Connection, book: Book, keys: Iterable[tuple[str, str]]) -> None:
    """Add to the Book which of these principals' keys belong to an order already."""
    for part in in_parts(keys):
        for principal, key, transfer_id in connection.execute(_KEYS, {"keys": part}):
            book.keys[principal, key] = transfer_id


def _load_decisions(connection: Connection, book: Book, ids: list[bytes]) -> None:
    for row in connection.execute(_DECISIONS, {"ids": ids}):
        book.decisions[row.transfer_id] = _decision(row)
        if row.conclusion is not None:
            book.conclusions[row.transfer_id] = Decision(
                OutcomeKind[row.conclusion],
                "",
                row.fingerprint,
                Head(row.concluding_record_id, row.concluding_chain_hash),
                row.returning_entry_id or 0,
                row.returning_balance_after or 0,
                row.payer_account,
            )


def _decision(row: Any) -> Decision:
    balance_after = 0
    if row.entry_id is not None:
        balance_after = row.debit_balance_after if row.debit_account >= 0 else row.credit_balance_after
    return Decision(
        OutcomeKind[row.outcome],
        row.reason,
        row.fingerprint,
        Head(row.record_id, row.chain_hash),
        row.entry_id or 0,
        balance_after,
        row.payer_account,
    )


def store(connection: Connection, book: Book) -> None:
    """Write what the batch gathered, table by table."""
    gathered: Gathered = book.gathered
    for table, rows in (
        (records, gathered.records),
        (accounts, gathered.accounts),
        (outcomes, gathered.outcomes),
        (conclusions, gathered.conclusions),
        (entries, gathered.entries),
        (acts, gathered.acts),
        (open_debits, gathered.opened_debits),
    ):
        insert_rows(connection, table, rows)
    balances = [(number, book.accounts[number].balance) for number in gathered.moved]
    update_rows(connection, accounts.c.account, [accounts.c.balance], balances)
    delete_rows(connection, open_debits.c.record_id, gathered.closed_debits)
    if gathered.heads:
        connection.execute(
            _SEE_HEAD,
            [
                {"bank": bank, "record_id": head.record_id, "chain_hash": head.chain_hash}
                for bank, head in gathered.heads.items()
            ],
        )


def counterpart_positions(connection: Connection) -> dict[str, Head]:
    """The highest position of every other bank that came as evidence."""
    return {row.bank: Head(row.record_id, row.chain_hash) for row in connection.execute(select(counterpart_heads))}


def has_record(connection: Connection, head: Head) -> bool:
    """Whether this bank's stream has that record with that chain hash."""
    if head.record_id == 0:
        return True
    found = connection.execute(select(records.c.chain_hash).where(records.c.record_id == head.record_id)).scalar()
    return found == head.chain_hash
