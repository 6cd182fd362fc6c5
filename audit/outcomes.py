"""A bank's answers against its ledger: each moved exactly the money that it says, and everything else moved none.

Each rule is one statement that returns the rows that break it; on honest books all of them return nothing.
"""

import sqlite3
from collections.abc import Iterator

from audit.findings import Finding, Kind, short
from audit.ledger import Money, account_name

# From which account to which each answer moves money; no accounts where it moves none. What a repair covers is ordered
# from the recovery account.
_ENTRIES = """
WITH answers AS (
    SELECT record_id, transfer_id, instruction || ' ' || outcome AS answer, amount,
           CASE outcome WHEN 'DEBITED' THEN payer_account WHEN 'CREDITED' THEN -2 WHEN 'BOOKED' THEN
               CASE WHEN instruction IN ('DEPOSIT', 'ADD_MONEY') THEN -1 ELSE payer_account END END AS from_account,
           CASE outcome WHEN 'DEBITED' THEN -2 WHEN 'CREDITED' THEN payee_account WHEN 'BOOKED' THEN
               CASE WHEN instruction = 'WITHDRAW' THEN -1 ELSE payee_account END END AS to_account
    FROM outcomes
    UNION ALL
    SELECT c.record_id, c.transfer_id, c.outcome, o.amount,
           CASE c.outcome WHEN 'RETURNED' THEN -2 END, CASE c.outcome WHEN 'RETURNED' THEN o.payer_account END
    FROM conclusions c JOIN outcomes o ON o.transfer_id = c.transfer_id
)
SELECT a.record_id, a.transfer_id, a.answer, a.amount, a.from_account, a.to_account,
       e.entry_id, e.transfer_id, e.amount, e.debit_account, e.credit_account
FROM answers a LEFT JOIN entries e ON e.record_id = a.record_id
WHERE (a.from_account IS NULL) <> (e.entry_id IS NULL)
   OR e.transfer_id <> a.transfer_id OR e.amount <> a.amount OR e.credit_account <> a.to_account
   OR e.debit_account <> a.from_account
ORDER BY a.record_id
"""

_ENTRIES_OF_NOTHING = """
SELECT entry_id FROM entries e WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.record_id = e.record_id)
AND NOT EXISTS (SELECT 1 FROM conclusions c WHERE c.record_id = e.record_id) ORDER BY entry_id
"""

_OTHER_BANKS = """
SELECT o.record_id, o.transfer_id, o.outcome, o.payer_bank, o.payee_bank, o.currency FROM outcomes o JOIN about b
WHERE o.outcome IN ('DEBITED', 'CREDITED', 'BOOKED') AND (o.currency <> b.currency
   OR (o.outcome <> 'CREDITED' AND o.payer_bank <> b.bank) OR (o.outcome <> 'DEBITED' AND o.payee_bank <> b.bank))
ORDER BY o.record_id
"""

_CONCLUDED_NOTHING = """
SELECT c.record_id, c.transfer_id, c.outcome, coalesce(o.outcome, 'nothing')
FROM conclusions c LEFT JOIN outcomes o ON o.transfer_id = c.transfer_id AND o.record_id < c.record_id
WHERE o.outcome IS NOT 'DEBITED' ORDER BY c.record_id
"""

_TWICE = {
    "outcomes of one transfer": "SELECT transfer_id, count(*) FROM outcomes GROUP BY transfer_id HAVING count(*) > 1",
    "conclusions of one debit": """
SELECT transfer_id, count(*) FROM conclusions GROUP BY transfer_id HAVING count(*) > 1""",
}
_KEY_TWICE = """
SELECT principal, idempotency_key, count(*) FROM outcomes
WHERE instruction IN ('DEBIT', 'BOOK_TRANSFER', 'DEPOSIT', 'WITHDRAW', 'ADD_MONEY')
GROUP BY principal, idempotency_key HAVING count(*) > 1
"""

_OPEN_IS = "SELECT record_id, transfer_id, account FROM open_debits"
_OPEN_SHOULD_BE = """
SELECT record_id, transfer_id, payer_account FROM outcomes o WHERE outcome = 'DEBITED'
AND NOT EXISTS (SELECT 1 FROM conclusions c WHERE c.transfer_id = o.transfer_id)"""


def check(connection: sqlite3.Connection, bank: str, money: Money) -> Iterator[Finding]:
    """Every rule that ties orders, outcomes, conclusions and entries of one bank together."""
    yield from _entries(connection, bank, money)
    for (entry_id,) in connection.execute(_ENTRIES_OF_NOTHING):
        yield Finding(Kind.ENTRY_WITHOUT_OUTCOME, bank, f"entry {entry_id}", "moved money on nobody's order")
    for record, found_id, outcome, payer, payee, currency in connection.execute(_OTHER_BANKS):
        message = f"{outcome} for an order {payer} → {payee} in {currency}"
        yield Finding(Kind.OUTCOME_OF_ANOTHER_BANK, bank, _subject(record, found_id), message, found_id.hex())
    for record, found_id, conclusion, outcome in connection.execute(_CONCLUDED_NOTHING):
        message = f"{conclusion}, but before it stands {outcome}"
        yield Finding(Kind.CONCLUSION_WITHOUT_DEBIT, bank, _subject(record, found_id), message, found_id.hex())
    for what, statement in _TWICE.items():
        for found_id, times in connection.execute(statement):
            yield Finding(Kind.ANSWERED_TWICE, bank, short(found_id), f"{times} {what}", found_id.hex())
    for principal, key, times in connection.execute(_KEY_TWICE):
        yield Finding(Kind.ANSWERED_TWICE, bank, f"key {key!r} of {principal}", f"{times} orders under one key")
    yield from _open_debits(connection, bank)


def _subject(record: int, transfer_id: bytes) -> str:
    return f"record {record} ({short(transfer_id)})"


def _entries(connection: sqlite3.Connection, bank: str, money: Money) -> Iterator[Finding]:
    for record, found_id, answer, amount, debit, credit, entry, entry_of, moved, *accounts in connection.execute(
        _ENTRIES
    ):
        if entry is None:
            kind, problem = Kind.OUTCOME_WITHOUT_ENTRY, "no entry"
        elif debit is None:
            kind, problem = Kind.REFUSAL_MOVED_MONEY, f"entry {entry} moved {money(moved)}"
        else:
            whose = "" if entry_of == found_id else f" for {short(entry_of)}"
            went = f"{money(moved)} from {account_name(accounts[0])} to {account_name(accounts[1])}{whose}"
            ordered = f"{money(amount)} from {account_name(debit)} to {account_name(credit)}"
            kind, problem = Kind.ENTRY_IS_NOT_THE_ORDERS, f"entry {entry} moved {went}, the order says {ordered}"
        yield Finding(kind, bank, _subject(record, found_id), f"{answer}: {problem}", found_id.hex())


def _open_debits(connection: sqlite3.Connection, bank: str) -> Iterator[Finding]:
    for first, second, message in (
        (_OPEN_SHOULD_BE, _OPEN_IS, "debited and not concluded, but not in the list of open debits"),
        (_OPEN_IS, _OPEN_SHOULD_BE, "in the list of open debits, but not an open debit"),
    ):
        for _, found_id, _ in connection.execute(f"{first} EXCEPT {second} ORDER BY 1"):
            yield Finding(Kind.OPEN_DEBITS_DIFFER, bank, short(found_id), message, found_id.hex())
