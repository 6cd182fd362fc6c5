"""The SQL of the path of a payment: a Book loaded for a batch, and what the batch gathered stored.

Set-based: the number of statements does not depend on the size of the batch. Plain rows, no ORM.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, func, literal_column, select, text, tuple_

from bank_service.books import CASH, CLEARING, HOLDS_KEY, Account, Book, Decision, Gathered, Grant
from bank_service.ledger import grant_hash
from bank_service.queries import ACCOUNT_COLUMNS
from bank_service.settings import BankSettings
from bank_service.tables import (
    HOLDS_KEY_SQL,
    accounts,
    acts,
    conclusions,
    counterpart_heads,
    entries,
    grants,
    lost_records,
    open_debits,
    outcomes,
    records,
)
from interbank.instructions import NO_HEAD, Head, Instruction, OutcomeKind
from interbank.storage.rows import delete_rows, insert_rows, update_rows
from interbank.storage.statements import VALUES, Lookup, Statement

_concluding = records.alias("concluding")
_returning = entries.alias("return_entry")

_LAST = Statement(
    select(
        records.c.record_id,
        records.c.chain_hash,
        records.c.recorded_at,
        select(func.coalesce(func.max(entries.c.entry_id), 0)).scalar_subquery(),
    )
    .order_by(records.c.record_id.desc())
    .limit(literal_column("1"))
)
_DECISIONS = Lookup(
    select(
        outcomes.c.transfer_id,
        outcomes.c.outcome,
        outcomes.c.reason,
        outcomes.c.fingerprint,
        outcomes.c.payer_account,
        outcomes.c.payee_bank,
        records.c.record_id,
        records.c.chain_hash,
        entries.c.entry_id,
        entries.c.debit_account,
        entries.c.debit_balance_after,
        entries.c.credit_balance_after,
        conclusions.c.outcome,
        _concluding.c.record_id,
        _concluding.c.chain_hash,
        _returning.c.entry_id,
        _returning.c.credit_balance_after,
    )
    .select_from(
        outcomes.join(records, records.c.record_id == outcomes.c.record_id)
        .outerjoin(entries, entries.c.record_id == outcomes.c.record_id)
        .outerjoin(conclusions, conclusions.c.transfer_id == outcomes.c.transfer_id)
        .outerjoin(_concluding, _concluding.c.record_id == conclusions.c.record_id)
        .outerjoin(_returning, _returning.c.record_id == conclusions.c.record_id)
    )
    .where(outcomes.c.transfer_id.in_(VALUES))
)
_KEYS = Lookup(
    select(outcomes.c.principal, outcomes.c.idempotency_key, outcomes.c.transfer_id).where(
        tuple_(outcomes.c.principal, outcomes.c.idempotency_key).in_(VALUES),
        # Word for word as in the index, and not as parameters: else SQLite reads the whole table.
        text(HOLDS_KEY_SQL),
    )
)
_ACCOUNTS = Lookup(select(*ACCOUNT_COLUMNS).where(accounts.c.account.in_(VALUES)))
_GRANTS = Lookup(
    select(grants.c.grant_hash, grants.c.account, grants.c.username, grants.c.ends_at, grants.c.ended_at).where(
        grants.c.grant_hash.in_(VALUES)
    )
)

_SEE_HEAD = Statement(
    text(
        "INSERT INTO counterpart_heads (bank, record_id, chain_hash) VALUES (:bank, :record_id, :chain_hash) "
        "ON CONFLICT (bank) DO UPDATE SET record_id = excluded.record_id, chain_hash = excluded.chain_hash "
        "WHERE excluded.record_id > counterpart_heads.record_id"
    )
)


def load_book(connection: Connection, settings: BankSettings, now: int) -> Book:
    """A Book that holds the bank's head, dated not before the last record."""
    last = _LAST.rows(connection)
    record_id, chain_hash, recorded_at, last_entry_id = last[0] if last else (0, b"", 0, 0)
    return Book(
        bank=settings.bank,
        currency=settings.currency,
        counter_open=settings.counter_open,
        operator_admitted=settings.operator_admitted,
        now=max(now, recorded_at),
        head=Head(record_id, chain_hash) if record_id else NO_HEAD,
        last_entry_id=last_entry_id,
    )


def load_batch(connection: Connection, book: Book, instructions: Sequence[Instruction]) -> None:
    """Add to the Book all that these instructions may look at."""
    _load_decisions(connection, book, [instruction.transfer_id for instruction in instructions])
    load_keys(connection, book, [(i.principal, i.order.idempotency_key) for i in instructions if i.kind in HOLDS_KEY])
    touched = _touched(book, instructions)
    if touched:
        load_accounts(connection, book, touched)
    hashes = {grant_hash(instruction.grant) for instruction in instructions if instruction.grant}
    for hashed, account, username, ends_at, ended_at in _GRANTS.rows(connection, hashes):
        book.grants[hashed] = Grant(account, username, ends_at, ended_at is not None)


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
    """Add the internal accounts and these to the Book, as far as they exist and it has them not."""
    for row in _ACCOUNTS.rows(connection, {CASH, CLEARING, *numbers} - book.accounts.keys()):
        book.accounts[row[0]] = Account(*row)


def load_keys(connection: Connection, book: Book, keys: Iterable[tuple[str, str]]) -> None:
    """Add to the Book which of these principals' keys belong to an order already."""
    for principal, key, transfer_id in _KEYS.rows(connection, keys):
        book.keys[principal, key] = transfer_id


def _load_decisions(connection: Connection, book: Book, ids: list[bytes]) -> None:
    for row in _DECISIONS.rows(connection, ids):
        transfer_id, *decided = row[:12]
        book.decisions[transfer_id] = _decision(*decided)
        conclusion, *concluded = row[12:]
        if conclusion is not None:
            book.conclusions[transfer_id] = _conclusion(book.decisions[transfer_id], conclusion, *concluded)


def _decision(
    outcome: str,
    reason: str,
    fingerprint: bytes,
    payer_account: int,
    payee_bank: str,
    record_id: int,
    chain_hash: bytes,
    entry_id: int | None,
    debit_account: int | None,
    debit_balance_after: int | None,
    credit_balance_after: int | None,
) -> Decision:
    balance_after = 0
    if debit_account is not None:
        balance_after = (debit_balance_after if debit_account >= 0 else credit_balance_after) or 0
    head = Head(record_id, chain_hash)
    return Decision(
        OutcomeKind[outcome], reason, fingerprint, head, entry_id or 0, balance_after, payer_account, payee_bank
    )


def _conclusion(
    debited: Decision,
    outcome: str,
    record_id: int,
    chain_hash: bytes,
    entry_id: int | None,
    balance_after: int | None,
) -> Decision:
    return Decision(
        OutcomeKind[outcome],
        "",
        debited.fingerprint,
        Head(record_id, chain_hash),
        entry_id or 0,
        balance_after or 0,
        debited.account,
        debited.payee_bank,
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
    for bank, head in gathered.heads.items():
        _SEE_HEAD.rows(connection, bank=bank, record_id=head.record_id, chain_hash=head.chain_hash)


_POSITIONS = Statement(select(counterpart_heads.c.bank, counterpart_heads.c.record_id, counterpart_heads.c.chain_hash))
_HASH_AT = Statement(select(records.c.chain_hash).where(records.c.record_id == bindparam("record_id")))


def counterpart_positions(connection: Connection) -> dict[str, Head]:
    """The highest position of every other bank that came as evidence."""
    return {bank: Head(record_id, chain_hash) for bank, record_id, chain_hash in _POSITIONS.rows(connection)}


def has_record(connection: Connection, head: Head) -> bool:
    """Whether this bank's stream has that record with that chain hash, or was repaired for the lack of it."""
    if head.record_id == 0:
        return True
    found = _HASH_AT.rows(connection, record_id=head.record_id)
    return found == [(head.chain_hash,)] or _is_lost(connection, head.record_id)


def _is_lost(connection: Connection, record_id: int) -> bool:
    """Whether a record is among those that are known to be lost: what others knew of them was written back."""
    lost = (lost_records.c.first_lost <= record_id) & (record_id <= lost_records.c.last_lost)
    return connection.execute(select(lost_records.c.record_id).where(lost)).first() is not None
