"""Can all rows of one transfer be right? No input or output.

The tables are the protocol seen from its end: which answers two banks can have given to one transfer, and what the
journal can have written of them meanwhile. The journal may be behind the banks, never ahead of them.
"""

from collections.abc import Iterator

from audit.amounts import grouped
from audit.cases import NOTHING, BankRow, Case, Evidence, JournalRow
from audit.findings import Finding, Kind, short
from audit.hashes import ORDER_FIELDS
from audit.witnesses import Position

_NEVER_CREDITED = {NOTHING, "CANCELLED"}
# What the payee's bank can have said, by what became of the transfer at the payer's bank.
_BANKS = {
    NOTHING: _NEVER_CREDITED,
    "DEBITED": {NOTHING, "CREDITED", "REFUSED", "CANCELLED"},
    "SETTLED": {"CREDITED"},
    "RETURNED": {"REFUSED", "CANCELLED"},
    "REFUSED": _NEVER_CREDITED,
    "NOT_DEBITED": _NEVER_CREDITED,
}
_ANY_PAYER = set(_BANKS)
_ANY_PAYEE = {NOTHING, "CREDITED", "REFUSED", "CANCELLED"}
_NO_CREDIT = {"REFUSED", "CANCELLED"}

# What the payer's and the payee's bank can have said, by the state in the journal.
_JOURNAL = {
    "ACCEPTED": (_ANY_PAYER, _ANY_PAYEE),
    "DEBITED": ({"DEBITED", "SETTLED", "RETURNED"}, _ANY_PAYEE),
    "CANCELLING": (_ANY_PAYER, _ANY_PAYEE),
    "RETURNING": (_ANY_PAYER - {"SETTLED"}, _NO_CREDIT),
    "COMPLETED": ({"DEBITED", "SETTLED"}, {"CREDITED"}),
    "REFUSED": ({"REFUSED"}, _NEVER_CREDITED),
    "RETURNED": ({"RETURNED"}, _NO_CREDIT),
    "CANCELLED": ({"NOT_DEBITED"}, _NEVER_CREDITED),
}

_ANY_ONE_BANK = {NOTHING, "BOOKED", "REFUSED", "NOT_DEBITED", "CANCELLED"}
# What the bank can have said that has both accounts, by the state in the journal.
_JOURNAL_ONE_BANK = {
    "ACCEPTED": _ANY_ONE_BANK,
    "CANCELLING": _ANY_ONE_BANK,
    "RETURNING": _ANY_ONE_BANK - {"BOOKED"},
    "COMPLETED": {"BOOKED"},
    "REFUSED": {"REFUSED"},
    "CANCELLED": {"NOT_DEBITED", "CANCELLED"},
}

_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
"""The reason of a refusal of which the bank writes nothing: the key belongs to another order."""

_STORED: frozenset[str | None] = frozenset({"DEBITED", "CREDITED", "BOOKED", "REFUSED", "CANCELLED"})
"""Outcomes that a bank writes down; a clash with another order is none of them."""


def judge(case: Case) -> Iterator[Finding]:
    """Everything in which the rows of a transfer cannot all be right."""
    yield from _journal_knows(case)
    yield from _strangers(case)
    yield from _one_amount(case)
    orders_differ = list(_one_order(case))
    yield from orders_differ or _states(case)
    yield from _evidence(case)


def claims(case: Case) -> Iterator[tuple[str, Evidence]]:
    """The records of other files that rows name as evidence, and who names each."""
    rows: list[tuple[str, JournalRow | BankRow]] = [("journal", case.journal)] if case.journal else []
    for name, row in (*rows, *case.banks.items()):
        for named in row.evidence:
            yield name, named


def _finding(case: Case, kind: Kind, message: str) -> Finding:
    return Finding(kind, "", short(case.first.transfer_id), message, case.first.transfer_id.hex())


def _journal_knows(case: Case) -> Iterator[Finding]:
    if not case.has_journal or case.journal is not None:
        return
    words = ", ".join(f"{bank} {row.word}" for bank, row in case.banks.items())
    moved = any(row.moved is not None for row in case.banks.values())
    what = (
        f"{grouped(case.first.amount, case.first.currency)} {case.first.currency} moved" if moved else "nothing moved"
    )
    yield _finding(case, Kind.NOT_IN_THE_JOURNAL, f"not in the journal; {words}; {what}")


def _strangers(case: Case) -> Iterator[Finding]:
    for bank in case.banks.keys() - {case.first.payer_bank, case.first.payee_bank}:
        message = f"{bank} has {case.banks[bank].word} of a transfer {case.first.payer_bank} → {case.first.payee_bank}"
        yield _finding(case, Kind.STRANGE_BANK, message)


def _one_amount(case: Case) -> Iterator[Finding]:
    """What was ordered and what the entries moved: one line with all of them, if they differ."""
    amounts = [("journal", case.journal.amount)] if case.journal else []
    for bank, row in case.banks.items():
        moved = row.amount if row.moved is None else row.moved
        amounts.append((bank, moved))
        if row.amount != moved:
            amounts.append((f"{bank}'s order", row.amount))
        if row.returned not in (None, moved):
            amounts.append((f"{bank}'s return", int(row.returned or 0)))
    if len({amount for _, amount in amounts}) > 1:
        message = ", ".join(f"{name} {grouped(amount, case.first.currency)}" for name, amount in amounts)
        yield _finding(case, Kind.AMOUNTS_DIFFER, message)


def _one_order(case: Case) -> Iterator[Finding]:
    """Whether everybody means the same order: its fields, its principal, its fingerprint."""
    rows: list[tuple[str, JournalRow | BankRow]] = [("journal", case.journal)] if case.journal else []
    rows += case.banks.items()
    first_name, first = rows[0]
    for name, row in rows[1:]:
        if row.order == first.order and row.fingerprint == first.fingerprint and row.principal == first.principal:
            continue
        pairs = [
            (field, first.order[place], row.order[place])
            for place, field in enumerate(ORDER_FIELDS)
            if field != "amount"
        ]
        pairs += [("principal", first.principal, row.principal)]
        pairs += [("fingerprint", first.fingerprint.hex()[:8], row.fingerprint.hex()[:8])]
        for field, one, other in pairs:
            if one != other:
                message = f"{field} is {one!r} in {first_name}, {other!r} in {name}"
                yield _finding(case, Kind.ORDERS_DIFFER, message)


def _states(case: Case) -> Iterator[Finding]:
    payer = case.word(case.first.payer_bank)
    payee = None if case.in_one_bank else case.word(case.first.payee_bank)
    sides = [f"{case.first.payer_bank} {payer or 'not here'}"]
    if not case.in_one_bank:
        sides.append(f"{case.first.payee_bank} {payee or 'not here'}")
    if kind := _money_made_or_lost(payer, payee):
        yield _finding(case, kind, ", ".join(sides))
    elif not (_banks_agree(case, payer, payee) and _journal_agrees(case, payer, payee)):
        if case.journal:
            sides.insert(0, f"journal {case.journal.state}")
        yield _finding(case, Kind.STATES_DIFFER, ", ".join(sides))


def _money_made_or_lost(payer: str | None, payee: str | None) -> Kind | None:
    """The gravest disagreements have names of their own."""
    if payee == "CREDITED" and payer == "RETURNED":
        return Kind.CREDITED_AND_RETURNED
    if payee == "CREDITED" and payer in (NOTHING, "REFUSED", "NOT_DEBITED"):
        return Kind.CREDITED_WITHOUT_DEBIT
    if payer == "SETTLED" and payee in (NOTHING, "REFUSED", "CANCELLED"):
        return Kind.SETTLED_WITHOUT_CREDIT
    return None


def _banks_agree(case: Case, payer: str | None, payee: str | None) -> bool:
    if case.in_one_bank:
        return payer is None or payer in _ANY_ONE_BANK
    allowed = _ANY_PAYEE if payer is None else _BANKS.get(payer, set())
    return bool(allowed) and (payee is None or payee in allowed)


def _journal_agrees(case: Case, payer: str | None, payee: str | None) -> bool:
    if case.journal is None:
        return True
    state = case.journal.state
    if case.in_one_bank:
        payers, payees = _JOURNAL_ONE_BANK.get(state, set()), _ANY_PAYEE
    else:
        payers, payees = _JOURNAL.get(state, (set(), set()))
    if state == "REFUSED" and case.journal.reason == _KEY_REUSED:
        payers = payers | {NOTHING}
    return (payer is None or payer in payers) and (payee is None or payee in payees)


def _evidence(case: Case) -> Iterator[Finding]:
    """Whether the records that rows name as evidence are of this transfer, and its outcomes."""
    for says, named in _named_in_files(case):
        row = case.banks.get(named.bank or "")
        problem = ""
        if row is None:
            problem = "this transfer is not known"
        elif named.record_id not in (row.record_id, row.conclusion_record_id):
            problem = f"this transfer is record {row.record_id}"
        elif named.outcome in _STORED and named.outcome != row.outcome:
            problem = f"it is {row.outcome}, not {named.outcome}"
        if problem:
            message = f"{says} has record {named.record_id} of {named.bank} as evidence; there {problem}"
            yield _finding(case, Kind.EVIDENCE_DIFFERS, message)


def rewritten(case: Case) -> Iterator[tuple[str, Position]]:
    """Records of this transfer that others have with another chain hash: the bank, and who has which."""
    for says, named in _named_in_files(case):
        row = case.banks.get(named.bank or "")
        if row is None or named.record_id not in (row.record_id, row.conclusion_record_id):
            continue
        # A Debit that is asked again after the money's return is answered with the return.
        positions = (row.record_id, row.chain_hash), (row.conclusion_record_id, row.conclusion_chain_hash)
        if (named.record_id, named.chain_hash) not in positions:
            yield named.bank or "", Position(says, named.record_id or 0)


def _named_in_files(case: Case) -> Iterator[tuple[str, Evidence]]:
    """Evidence that a file must hold. What lies behind its end is said once, for the whole file; what a bank says it
    lost stands there anew, under another number."""
    for says, named in claims(case):
        if not (named.bank and named.record_id) or case.is_lost(named.bank, named.record_id):
            continue
        if named.record_id <= case.heads.get(named.bank, 0):
            yield says, named
