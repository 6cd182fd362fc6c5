"""The rules of a bank: what each instruction does to the books. No input or output.

The tables of `docs/protocol.md` in code. Idempotence comes before validity: a known id gets its first outcome whatever
has changed since. Then every check that can refuse; then nothing can fail any more; then the books are written.
"""

import hashlib
from collections.abc import Callable, Iterable

from bank_service.books import (
    BALANCE_LIMIT,
    CASH,
    CLEARING,
    HOLDS_KEY,
    Account,
    Book,
    Decision,
)
from interbank.instructions import Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.orders import bank_principal, principal_username
from interbank.refusals import Reason


def post(book: Book, instructions: Iterable[Instruction]) -> list[Outcome]:
    """Carry the instructions out in order, each seeing what those before it did. Items succeed or fail one by one."""
    return [_post(book, instruction) for instruction in instructions]


def payee_refusal(account: Account | None, name: str, currency: str, minor_units: int = 0) -> Reason | None:
    """Why this bank would not credit a payee, or None if it would."""
    if account is None or account.kind != "customer":
        return Reason.PAYEE_ACCOUNT_NOT_FOUND
    if account.username != name:
        return Reason.PAYEE_NAME_MISMATCH
    if account.status == "CLOSED":
        return Reason.PAYEE_ACCOUNT_CLOSED
    if account.status == "FROZEN":
        return Reason.PAYEE_ACCOUNT_FROZEN
    if account.currency != currency:
        return Reason.CURRENCY_MISMATCH
    if account.balance + minor_units > BALANCE_LIMIT:
        return Reason.BALANCE_LIMIT_EXCEEDED
    return None


def _post(book: Book, instruction: Instruction) -> Outcome:
    known = book.decisions.get(instruction.transfer_id)
    if known is None:
        return _first(book, instruction)
    if known.fingerprint != instruction.fingerprint:
        return _unstored(instruction, known, OutcomeKind.FINGERPRINT_MISMATCH, Reason.FINGERPRINT_MISMATCH)
    return _again(book, instruction, known)


def _first(book: Book, instruction: Instruction) -> Outcome:
    """Nothing is known under this id."""
    if instruction.kind in HOLDS_KEY:
        holder = book.keys.get((instruction.principal, instruction.order.idempotency_key))
        if holder is not None:
            return _unstored(instruction, None, OutcomeKind.KEY_REUSED, Reason.IDEMPOTENCY_KEY_REUSED)
    match instruction.kind:
        case InstructionKind.SETTLE:
            return _unstored(instruction, None, OutcomeKind.CONTRADICTION, Reason.OUTCOMES_CONTRADICT)
        case InstructionKind.RETURN_DEBIT:
            decision = book.decide(instruction, OutcomeKind.NOT_DEBITED)
        case InstructionKind.CANCEL_CREDIT:
            decision = book.decide(instruction, OutcomeKind.CANCELLED)
        case _:
            decision = _move_or_refuse(book, instruction)
    return decision.answer(instruction.transfer_id, replayed=False)


def _again(book: Book, instruction: Instruction, known: Decision) -> Outcome:
    """Something is known under this id, for this very order."""
    concluded = book.conclusions.get(instruction.transfer_id)
    latest = concluded or known
    if instruction.kind is InstructionKind.SETTLE:
        return _settle(book, instruction, latest)
    if instruction.kind is InstructionKind.RETURN_DEBIT:
        return _return_debit(book, instruction, latest)
    if latest.kind is OutcomeKind.SETTLED:
        latest = known  # a Debit that was settled since is DEBITED still
    return latest.answer(instruction.transfer_id, replayed=True)


def _settle(book: Book, instruction: Instruction, latest: Decision) -> Outcome:
    if latest.kind is OutcomeKind.SETTLED:
        return latest.answer(instruction.transfer_id, replayed=True)
    witness = instruction.evidence.bank if instruction.evidence else ""
    if latest.kind is not OutcomeKind.DEBITED or witness != latest.payee_bank:
        return _unstored(instruction, latest, OutcomeKind.CONTRADICTION, Reason.OUTCOMES_CONTRADICT)
    return book.conclude(instruction, OutcomeKind.SETTLED, latest).answer(instruction.transfer_id, replayed=False)


def _return_debit(book: Book, instruction: Instruction, latest: Decision) -> Outcome:
    if latest.kind is OutcomeKind.SETTLED:
        return _unstored(instruction, latest, OutcomeKind.CONTRADICTION, Reason.OUTCOMES_CONTRADICT)
    if latest.kind is not OutcomeKind.DEBITED:
        return latest.answer(instruction.transfer_id, replayed=True)
    # Money on its way out keeps its account from closing, so there is always one to return it to, frozen or not.
    entry = book.move(CLEARING, latest.account, instruction.order.minor_units)
    returned = book.conclude(instruction, OutcomeKind.RETURNED, latest, entry=entry)
    return returned.answer(instruction.transfer_id, replayed=False)


def _move_or_refuse(book: Book, instruction: Instruction) -> Decision:
    """Refuse first; after that nothing can fail; then move."""
    debit_account, credit_account, done = _MOVEMENTS[instruction.kind](instruction)
    reason = _refusal(book, instruction, debit_account, credit_account)
    if reason is not None:
        # Refusals are stored too: a retry must not succeed after the customer was told no.
        return book.decide(instruction, OutcomeKind.REFUSED, reason=reason.name)
    entry = book.move(debit_account, credit_account, instruction.order.minor_units)
    return book.decide(instruction, done, entry=entry)


_MOVEMENTS: dict[InstructionKind, Callable[[Instruction], tuple[int, int, OutcomeKind]]] = {
    InstructionKind.DEBIT: lambda i: (i.order.payer_account, CLEARING, OutcomeKind.DEBITED),
    InstructionKind.CREDIT: lambda i: (CLEARING, i.order.payee_account, OutcomeKind.CREDITED),
    InstructionKind.BOOK_TRANSFER: lambda i: (i.order.payer_account, i.order.payee_account, OutcomeKind.BOOKED),
    InstructionKind.DEPOSIT: lambda i: (CASH, i.order.payee_account, OutcomeKind.BOOKED),
    InstructionKind.ADD_MONEY: lambda i: (CASH, i.order.payee_account, OutcomeKind.BOOKED),
    InstructionKind.WITHDRAW: lambda i: (i.order.payer_account, CASH, OutcomeKind.BOOKED),
}


def _refusal(book: Book, instruction: Instruction, debit_account: int, credit_account: int) -> Reason | None:
    """Why the instruction must not move money, or None. The order of the checks is the order of precedence."""
    order = instruction.order
    if instruction.kind is not InstructionKind.CREDIT:
        customer = debit_account if debit_account >= 0 else credit_account
        if (reason := _authority_refusal(book, instruction, customer)) is not None:
            return reason
    if debit_account >= 0:
        payer_refusal = _payer_refusal(book.accounts.get(debit_account), order.currency, order.minor_units)
        if payer_refusal is not None:
            return payer_refusal
    elif book.accounts[debit_account].balance - order.minor_units < -BALANCE_LIMIT:
        return Reason.BALANCE_LIMIT_EXCEEDED
    if credit_account >= 0:
        return payee_refusal(book.accounts.get(credit_account), order.payee_name, order.currency, order.minor_units)
    # Cash that came in from outside is all that can be paid out again: money from other banks is in clearing.
    highest = 0 if credit_account == CASH else BALANCE_LIMIT
    if book.accounts[credit_account].balance + order.minor_units > highest:
        return Reason.CASH_EXHAUSTED if credit_account == CASH else Reason.BALANCE_LIMIT_EXCEEDED
    return None


def _payer_refusal(account: Account | None, currency: str, minor_units: int) -> Reason | None:
    if account is None or account.kind != "customer":
        return Reason.ACCOUNT_NOT_FOUND
    if account.status == "CLOSED":
        return Reason.ACCOUNT_CLOSED
    if account.status == "FROZEN":
        return Reason.ACCOUNT_FROZEN
    if account.currency != currency:
        return Reason.CURRENCY_MISMATCH
    if account.balance < minor_units:
        return Reason.INSUFFICIENT_FUNDS
    return None


def _authority_refusal(book: Book, instruction: Instruction, customer: int) -> Reason | None:
    """Whether the principal may have this account moved: the bank itself by the operator's word, a user by a grant that
    is his, for that account, and has not ended."""
    if instruction.principal == bank_principal(book.bank):
        return None if book.operator_admitted else Reason.OPERATOR_NOT_ADMITTED
    if instruction.kind is InstructionKind.ADD_MONEY:
        return Reason.OPERATOR_NOT_ADMITTED
    username = principal_username(instruction.principal)
    grant = book.grants.get(grant_hash(instruction.grant))
    if grant is None or grant.username != username or not username:
        return Reason.GRANT_ENDED
    if grant.account != customer:
        return Reason.ACCOUNT_NOT_FOUND
    if grant.ended or grant.ends_at <= book.now:
        return Reason.GRANT_ENDED
    if instruction.kind in (InstructionKind.DEPOSIT, InstructionKind.WITHDRAW) and not book.counter_open:
        return Reason.COUNTER_CLOSED
    return None


def grant_hash(grant: bytes) -> bytes:
    """How a grant is stored and looked up; the grant itself is kept by its holder alone."""
    return hashlib.sha256(grant).digest()


def _unstored(instruction: Instruction, known: Decision | None, kind: OutcomeKind, reason: Reason) -> Outcome:
    """An answer that writes nothing. Its head says where the outcome stands that it clashes with."""
    if known is None:
        return Outcome(instruction.transfer_id, kind, reason.name)
    return Outcome(instruction.transfer_id, kind, reason.name, known.head)
