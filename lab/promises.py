"""What customers were told, held against the books: plain rows, and not a line of the product's."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from lab.books import CLEARING, RECOVERY, BankBooks, Row
from protos.v1 import order_pb2

Paid = Counter[tuple[str, str, int, int]]
"""How often each bank paid an order: (bank, key, account, amount)."""


class Wish(Protocol):
    """One order, and everything that was told of it: (state, reason) of every answer that was final; `refused`: why it
    was not accepted, for good; `read`, if its payer looked after the answer: the kinds of movement, newest first, that
    his statement showed for it."""

    order: order_pb2.Order
    told: list[tuple[str, str]]
    refused: str
    read: list[str] | None

    @property
    def key(self) -> tuple[str, str]:
        """Principal and idempotency key."""
        ...


_SHOWN = {
    "COMPLETED": (["DEBITED"], ["BOOKED"]),
    "RETURNED": (["RETURNED", "DEBITED"],),
    "REFUSED": ([],),
    "CANCELLED": ([],),
}
"""What the payer's statement shows, newest first, to whoever was told how his payment ended."""


def broken_promises(
    wishes: Sequence[Wish],
    banks: dict[str, BankBooks],
    journal: dict[bytes, Row],
    deposits: int,
    *,
    journal_whole: bool = True,
    repeated: Sequence[bytes] = (),
    late: bool = False,
) -> list[str]:
    """Everything that a customer was told and that is not so. `journal_whole`: see lab.books.findings; `repeated` are
    messages of customers that came twice; `late`: any may have come after the answer to a later one."""
    asked = Counter((wish.key, wish.order.minor_units) for wish in wishes)
    for wish in wishes:
        asked[wish.key, wish.order.minor_units] += any(wish.order.SerializeToString() in sent for sent in repeated)
    if late:
        asked.update(asked)
    told = _as_told(wishes, banks, journal, asked, journal_whole=journal_whole)
    return [*_conserved(banks, deposits), *_once(banks), *told]


def _conserved(banks: dict[str, BankBooks], deposits: int) -> Iterator[str]:
    held = sum(row["balance"] for books in banks.values() for number, row in books.accounts.items() if number >= 0)
    recovered = sum(books.accounts[RECOVERY]["balance"] for books in banks.values())
    clearing = sum(books.accounts[CLEARING]["balance"] for books in banks.values())
    if held + recovered + clearing != deposits:
        yield f"{deposits} were brought, {held} are held, {recovered} of them covered, {clearing} on their way"


def _once(banks: dict[str, BankBooks]) -> Iterator[str]:
    """Amounts are unique, so two credits of one amount are one payment made twice, under whatever ids."""
    seen: Counter[int] = Counter()
    for books in banks.values():
        for entry in books.entries:
            if entry["debit_account"] == CLEARING and books.said(entry["transfer_id"]) == "CREDITED":
                seen[entry["amount"]] += 1
    for amount, times in seen.items():
        if times > 1:
            yield f"{amount} minor units were credited {times} times"


def _as_told(
    wishes: Sequence[Wish],
    banks: dict[str, BankBooks],
    journal: dict[bytes, Row],
    asked: Counter[tuple[tuple[str, str], int]],
    *,
    journal_whole: bool,
) -> Iterator[str]:
    by_order = {((row["principal"], row["idempotency_key"]), row["amount"]): row for row in journal.values()}
    paid_by_banks = _paid(banks)
    for wish in wishes:
        name = wish.order.idempotency_key
        states = {state for state, _ in wish.told}
        if len(set(wish.told)) > 1 and journal_whole:
            yield f"{name}: was told {wish.told}"
        if len(states) > 1:
            yield f"{name}: was told {sorted(states)}"
        if wish.told and wish.refused and (journal_whole or wish.refused != "IDEMPOTENCY_KEY_REUSED"):
            yield f"{name}: was told {wish.told[0][0]}, and then that it is not accepted ({wish.refused})"
        if states and wish.read is not None and wish.read not in _SHOWN[wish.told[0][0]]:
            yield f"{name}: was told {wish.told[0][0]}, and read {wish.read} in the statement afterwards"
        order = wish.order
        paid = paid_by_banks[order.payee_bank, name, order.payee_account, order.minor_units]
        if "COMPLETED" in states and paid != 1:
            yield f"{name}: was told COMPLETED, and paid {paid} times"
        if states - {"COMPLETED"} and paid:
            yield f"{name}: was told {sorted(states)}, and was paid"
        row = by_order.get((wish.key, wish.order.minor_units))
        if row is not None and states and row["state"] not in states:
            yield f"{name}: was told {sorted(states)}, the journal says {row['state']}"
        # Who asks twice, or whose message comes twice, may be told no, and then yes: what is not accepted keeps no key.
        once = asked[wish.key, wish.order.minor_units] == 1 and wish.refused != "IDEMPOTENCY_KEY_REUSED"
        if wish.refused and once and row is not None and row["state"] == "COMPLETED":
            yield f"{name}: was told that it is not accepted ({wish.refused}), and was paid"


def _paid(banks: dict[str, BankBooks]) -> Paid:
    """How often each order was paid, by the books of the payee's bank."""
    paid: Paid = Counter()
    for bank, books in banks.items():
        for entry in books.entries:
            outcome = books.outcomes.get(entry["transfer_id"])
            if outcome is not None and books.said(entry["transfer_id"]) in ("CREDITED", "BOOKED"):
                paid[bank, outcome["idempotency_key"], entry["credit_account"], entry["amount"]] += 1
    return paid
