"""The rules of a repair: what others know of a bank's outcomes, written back into books that lack them. No input or
output.

Nothing is decided again: no grant, no funds, no status is asked for. What an account cannot give, because money that
once came in is forgotten, comes from the recovery account, which says how much the bank is short of.
"""

from collections.abc import Mapping, Sequence

from bank_service.books import CLEARING, HOLDS_KEY, RECOVERY, Account, Book
from interbank.instructions import Instruction, InstructionKind, KnownOutcome, LostRecords, OutcomeKind
from interbank.orders import Order, Purpose, bank_principal, fingerprint, principal_username, transfer_id
from interbank.refusals import Reason, Refused

ACTOR = "gateway"
"""Who is said to have acted in a repair."""

ANSWERS = {
    InstructionKind.DEBIT: {OutcomeKind.DEBITED, OutcomeKind.REFUSED},
    InstructionKind.CREDIT: {OutcomeKind.CREDITED, OutcomeKind.REFUSED},
    InstructionKind.CANCEL_CREDIT: {OutcomeKind.CANCELLED},
    InstructionKind.BOOK_TRANSFER: {OutcomeKind.BOOKED, OutcomeKind.REFUSED},
    InstructionKind.RETURN_DEBIT: {OutcomeKind.RETURNED, OutcomeKind.NOT_DEBITED},
}
"""What others can know of a bank, by the instruction that it answered."""


def restore(book: Book, known: Sequence[KnownOutcome], lost: LostRecords, numbers: Mapping[str, int]) -> int:
    """Write back what the books lack, in the order in which the bank once did it; returns how many outcomes that were.
    `numbers` are the accounts that users have now. Raises Refused(OUTCOMES_CONTRADICT) with the Book half written."""
    in_order = sorted(known, key=lambda outcome: outcome.head.record_id)
    missing = [outcome for outcome in in_order if _is_missing(book, outcome)]
    book.skip_to(lost.last)
    book.act("RESTORED", account=None, username=None, actor=ACTOR, detail=_detail(len(missing), lost))
    for outcome in missing:
        _write_back(book, outcome, numbers)
    return len(missing)


def _detail(restored: int, lost: LostRecords) -> str:
    which = f"records {lost.first} to {lost.last}" if lost.last > lost.first else f"record {lost.first}"
    return f"{which} lost, {restored} outcomes restored from what others know"


def _is_missing(book: Book, outcome: KnownOutcome) -> bool:
    """Whether the books lack it. Raises Refused(OUTCOMES_CONTRADICT) if they hold another one."""
    identity = outcome.instruction.transfer_id
    concludes = outcome.kind is OutcomeKind.RETURNED
    found = (book.conclusions if concludes else book.decisions).get(identity)
    if found is None:
        return True
    if (found.kind, found.fingerprint) != (outcome.kind, outcome.instruction.fingerprint):
        raise _contradicts(outcome, f"here it is {found.kind.name}")
    return False


def _write_back(book: Book, outcome: KnownOutcome, numbers: Mapping[str, int]) -> None:
    instruction, order = outcome.instruction, outcome.instruction.order
    _require_free_key(book, outcome)
    match outcome.kind:
        case OutcomeKind.DEBITED:
            _require_payer(book, outcome, numbers)
            entry = book.move(order.payer_account, CLEARING, order.minor_units)
        case OutcomeKind.BOOKED:
            _require_payer(book, outcome, numbers)
            _require_account(book, outcome, order.payee_account, order.payee_name, numbers)
            entry = book.move(order.payer_account, order.payee_account, order.minor_units)
        case OutcomeKind.CREDITED:
            _require_account(book, outcome, order.payee_account, order.payee_name, numbers)
            entry = book.move(CLEARING, order.payee_account, order.minor_units)
        case OutcomeKind.RETURNED:
            _return(book, outcome)
            return
        case _:
            book.decide(instruction, outcome.kind, reason=outcome.reason)
            return
    book.decide(instruction, outcome.kind, entry=entry)


def _return(book: Book, outcome: KnownOutcome) -> None:
    debited = book.decisions.get(outcome.instruction.transfer_id)
    if debited is None or debited.kind is not OutcomeKind.DEBITED:
        raise _contradicts(outcome, "here nothing was debited")
    entry = book.move(CLEARING, debited.account, outcome.instruction.order.minor_units)
    book.conclude(outcome.instruction, OutcomeKind.RETURNED, debited, entry=entry)


def _require_free_key(book: Book, outcome: KnownOutcome) -> None:
    instruction = outcome.instruction
    if instruction.kind in HOLDS_KEY:
        holder = book.keys.get((instruction.principal, instruction.order.idempotency_key))
        if holder is not None:
            raise _contradicts(outcome, f"here its key belongs to {holder.hex()}")


def _require_payer(book: Book, outcome: KnownOutcome, numbers: Mapping[str, int]) -> None:
    """See to it that the payer's account is there and holds what it gave."""
    order = outcome.instruction.order
    name = principal_username(outcome.instruction.principal)
    _require_account(book, outcome, order.payer_account, name, numbers)
    short = order.minor_units - book.accounts[order.payer_account].balance
    if short > 0:
        cover = _cover(book, outcome.instruction, short)
        entry = book.move(RECOVERY, order.payer_account, short)
        book.decide(cover, OutcomeKind.BOOKED, entry=entry)


def _require_account(book: Book, outcome: KnownOutcome, number: int, name: str, numbers: Mapping[str, int]) -> None:
    """See to it that an account is there. One that was opened after the copy was made is opened again for the user whom
    the order names; if it names none, or one who has another account now, under a name that no user can have. A number
    that was given to somebody else since is not his: his money pays for nobody. Raises Refused(OUTCOMES_CONTRADICT)."""
    account = book.accounts.get(number)
    if account is None:
        held = any(other.username == name and other.status != "CLOSED" for other in book.accounts.values())
        username = name if name and name not in numbers and not held else f"?{number}"
        book.open_account(Account(number, "customer", username, book.currency, "OPEN", 0), actor=ACTOR)
    elif account.status == "CLOSED":
        raise _contradicts(outcome, f"here account {number} is closed")
    elif name and account.username not in (name, f"?{number}"):
        raise _contradicts(outcome, f"here account {number} belongs to another user")


def _cover(book: Book, instruction: Instruction, short: int) -> Instruction:
    """The bank's own order for what an account lacks."""
    account = book.accounts[instruction.order.payer_account]
    whose = instruction.transfer_id.hex()
    name, reference, key = account.username or "", f"shortfall of {whose}", f"shortfall-{whose}"
    cover = Order(book.bank, RECOVERY, book.bank, account.number, name, short, book.currency, reference, key)
    principal, digest = bank_principal(book.bank), fingerprint(cover, Purpose.SHORTFALL)
    identity = transfer_id(principal, key, digest)
    return Instruction(InstructionKind.COVER_SHORTFALL, identity, digest, cover, principal, actor=ACTOR)


def _contradicts(outcome: KnownOutcome, here: str) -> Refused:
    return Refused(
        Reason.OUTCOMES_CONTRADICT,
        f"{outcome.instruction.transfer_id.hex()} was {outcome.kind.name}; {here}",
    )
