"""A second opinion on a network's books: plain SQL, and not a line of the product's.

All that is wrong: books that do not add up, a transfer that moved money twice, or not exactly, or at one bank only, and
a journal that says otherwise.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

CASH, CLEARING, RECOVERY = -1, -2, -3
ORDER = (
    "fingerprint, principal, idempotency_key, payer_bank, payer_account, payee_bank, payee_account, payee_name, "
    "amount, currency, reference"
)
Row = dict[str, Any]


@dataclass
class BankBooks:
    """One bank's file, as far as it is looked at here."""

    bank: str
    currency: str
    accounts: dict[int, Row]
    entries: list[Row]
    outcomes: dict[bytes, Row]
    conclusions: dict[bytes, Row]
    open_debits: Counter[bytes] = field(default_factory=Counter)

    @property
    def clearing(self) -> int:
        return int(self.accounts[CLEARING]["balance"])

    def said(self, transfer_id: bytes) -> str:
        """This bank's outcome: how the debit was concluded, else its first decision, else nothing."""
        known = self.conclusions.get(transfer_id) or self.outcomes.get(transfer_id)
        return str(known["outcome"]) if known else ""


Rows = Callable[[str], list[Row]]
"""Carries out a SELECT on one database, all of them at one moment."""


def findings(
    banks: dict[str, BankBooks], journal: dict[bytes, Row], *, at_rest: bool = True, journal_whole: bool = True
) -> list[str]:
    """All that is wrong with the books. `at_rest`: nothing is under way any more. `journal_whole`: the gateway never
    lost its journal, so it has a row for whatever banks did for each other."""
    wrong = [
        *(f"{books.bank}: {finding}" for books in banks.values() for finding in _alone(books)),
        *_together(banks),
        *_clearing(banks, at_rest=at_rest),
        *(finding for row in journal.values() for finding in _journal_row(row, banks, at_rest=at_rest)),
    ]
    if journal_whole:
        wrong += _not_in_journal(banks, journal)
    return wrong


def read_bank(rows: Rows) -> BankBooks:
    """All that a bank holds."""
    (about,) = rows("SELECT bank, currency FROM about")
    return BankBooks(
        about["bank"],
        about["currency"],
        {row["account"]: row for row in rows("SELECT account, kind, balance, status FROM accounts")},
        rows("SELECT * FROM entries ORDER BY entry_id"),
        {row["transfer_id"]: row for row in rows(f"SELECT transfer_id, instruction, outcome, {ORDER} FROM outcomes")},
        {row["transfer_id"]: row for row in rows("SELECT transfer_id, outcome FROM conclusions")},
        Counter(row["transfer_id"] for row in rows("SELECT transfer_id FROM open_debits")),
    )


def read_journal(rows: Rows) -> dict[bytes, Row]:
    """The gateway's transfers by id."""
    query = f"SELECT transfer_id, state, reason, suspended, {ORDER} FROM transfers"
    return {row["transfer_id"]: row for row in rows(query)}


def _alone(books: BankBooks) -> Iterator[str]:
    """What one bank's file shows by itself."""
    if total := sum(row["balance"] for row in books.accounts.values()):
        yield f"all accounts together hold {total}, not 0"
    balances: dict[int, int] = defaultdict(int)
    for number, entry in enumerate(books.entries, start=1):
        if entry["entry_id"] != number:
            yield f"entry {number} is missing"
            return
        for side, sign in (("debit", -1), ("credit", 1)):
            account = entry[f"{side}_account"]
            balances[account] += sign * entry["amount"]
            if balances[account] != entry[f"{side}_balance_after"]:
                yield f"entry {number} leaves {account} at {entry[f'{side}_balance_after']}, not {balances[account]}"
            if account >= 0 and balances[account] < 0:
                yield f"entry {number} leaves customer {account} below zero"
    for account, row in books.accounts.items():
        if row["balance"] != balances[account]:
            yield f"account {account} is said to hold {row['balance']}, its entries add up to {balances[account]}"
        if account in (CASH, RECOVERY) and row["balance"] > 0:
            yield f"account {account} is above zero"
    yield from _exactly_once(books)


def _exactly_once(books: BankBooks) -> Iterator[str]:
    """Every movement belongs to an outcome, and every outcome that moves money has one movement, of its amount."""
    found: dict[bytes, Counter[tuple[int, int, int]]] = defaultdict(Counter)
    for entry in books.entries:
        found[entry["transfer_id"]][entry["debit_account"], entry["credit_account"], entry["amount"]] += 1
    for transfer_id, row in books.outcomes.items():
        expected: Counter[tuple[int, int, int]] = Counter()
        payer, payee, amount = row["payer_account"], row["payee_account"], row["amount"]
        match row["outcome"]:
            case "DEBITED":
                expected[payer, CLEARING, amount] += 1
            case "CREDITED":
                expected[CLEARING, payee, amount] += 1
            case "BOOKED":
                expected[payer, payee, amount] += 1
        if books.said(transfer_id) == "RETURNED":
            expected[CLEARING, payer, amount] += 1
        if found.pop(transfer_id, Counter()) != expected:
            yield f"{transfer_id.hex()} ({books.said(transfer_id)}) has not exactly the movements {dict(expected)}"
    for transfer_id in found:
        yield f"{transfer_id.hex()} moved money without an outcome"
    still_open = Counter(
        transfer_id
        for transfer_id, row in books.outcomes.items()
        if row["outcome"] == "DEBITED" and transfer_id not in books.conclusions
    )
    if still_open != books.open_debits:
        yield f"the list of open debits has {len(books.open_debits)}, there are {len(still_open)}"


def _together(banks: dict[str, BankBooks]) -> Iterator[str]:
    """Whether two banks tell one story of each transfer between them."""
    for transfer_id in {transfer_id for books in banks.values() for transfer_id in books.outcomes}:
        known = [books for books in banks.values() if transfer_id in books.outcomes]
        orders = {tuple(_order(books.outcomes[transfer_id])) for books in known}
        if len(orders) > 1:
            yield f"{transfer_id.hex()}: the banks hold different orders"
        row = known[0].outcomes[transfer_id]
        if row["payer_bank"] == row["payee_bank"]:
            continue
        payer, payee = banks[row["payer_bank"]].said(transfer_id), banks[row["payee_bank"]].said(transfer_id)
        if payee == "CREDITED" and payer not in ("DEBITED", "SETTLED"):
            yield f"{transfer_id.hex()}: credited at the payee's bank, {payer or 'unknown'} at the payer's"
        if payer == "SETTLED" and payee != "CREDITED":
            yield f"{transfer_id.hex()}: settled at the payer's bank, {payee or 'unknown'} at the payee's"
        if payer == "RETURNED" and payee not in ("REFUSED", "CANCELLED"):
            yield f"{transfer_id.hex()}: returned by the payer's bank, {payee or 'unknown'} at the payee's"


def _clearing(banks: dict[str, BankBooks], *, at_rest: bool) -> Iterator[str]:
    """The clearing accounts of all banks hold what is under way, and nothing else."""
    held: dict[str, int] = defaultdict(int)
    under_way: dict[str, int] = defaultdict(int)
    for books in banks.values():
        held[books.currency] += books.clearing
        for transfer_id in books.open_debits:
            row = books.outcomes[transfer_id]
            if banks[row["payee_bank"]].said(transfer_id) != "CREDITED":
                under_way[books.currency] += row["amount"]
        if at_rest and books.open_debits:
            yield f"{books.bank}: {len(books.open_debits)} debits are still open"
    for currency, total in held.items():
        if total != under_way[currency]:
            yield f"the clearing accounts hold {total} {currency}, under way are {under_way[currency]}"


_AGREES: dict[str, set[tuple[str, str]]] = {
    "COMPLETED": {("DEBITED", "CREDITED"), ("SETTLED", "CREDITED")},
    "RETURNED": {("RETURNED", "REFUSED"), ("RETURNED", "CANCELLED")},
    "REFUSED": {("REFUSED", ""), ("REFUSED", "CANCELLED"), ("", "")},
    "CANCELLED": {("NOT_DEBITED", "CANCELLED"), ("NOT_DEBITED", "REFUSED")},
}
"""What the payer's and the payee's bank may say of a transfer that is final in the journal."""


def _journal_row(row: Row, banks: dict[str, BankBooks], *, at_rest: bool) -> Iterator[str]:
    transfer_id, state = row["transfer_id"], row["state"]
    name = f"{transfer_id.hex()} ({state})"
    payer, payee = banks[row["payer_bank"]], banks[row["payee_bank"]]
    for books in (payer, payee):
        known = books.outcomes.get(transfer_id)
        if known is not None and _order(known) != _order(row):
            yield f"{name}: {books.bank} holds another order"
    if state not in _AGREES:
        if at_rest:
            yield f"{name} is not final"
    elif state == "REFUSED" and row["reason"] != "IDEMPOTENCY_KEY_REUSED" and not payer.said(transfer_id):
        yield f"{name}: {payer.bank} has forgotten that it refused"
    elif payer is payee:
        if payer.said(transfer_id) not in {"COMPLETED": ("BOOKED",), "REFUSED": ("REFUSED", "")}[state]:
            yield f"{name}: {payer.bank} says {payer.said(transfer_id) or 'nothing'}"
    elif (payer.said(transfer_id), payee.said(transfer_id)) not in _AGREES[state] and not row["suspended"]:
        yield f"{name}: the banks say {payer.said(transfer_id)!r} and {payee.said(transfer_id)!r}"


def _not_in_journal(banks: dict[str, BankBooks], journal: dict[bytes, Row]) -> Iterator[str]:
    for books in banks.values():
        for transfer_id, row in books.outcomes.items():
            of_the_journal = row["instruction"] not in ("DEPOSIT", "WITHDRAW", "ADD_MONEY", "COVER_SHORTFALL")
            if of_the_journal and transfer_id not in journal:
                yield f"{transfer_id.hex()}: {books.bank} says {row['outcome']}, the journal has no such transfer"


def _order(row: Row) -> list[Any]:
    return [row[column] for column in ORDER.split(", ")]
