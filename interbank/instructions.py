"""What gateway and bank say to each other: instructions one way, outcomes the other. No input or output.

Where a payment comes by, kinds are asked for `_name_`, which is the same as `name`: that one is found by a descriptor
of Enum's, written in Python, at five times the price.
"""

import enum

from interbank.orders import Order, Purpose
from interbank.values import value


class InstructionKind(enum.IntEnum):
    """What an instruction asks of a bank; numbers are those of the wire, names those of the columns. The last one is
    the bank's own, in a repair, and asked for by nobody."""

    DEBIT = 1
    CREDIT = 2
    BOOK_TRANSFER = 3
    CANCEL_CREDIT = 4
    RETURN_DEBIT = 5
    SETTLE = 6
    DEPOSIT = 7
    WITHDRAW = 8
    ADD_MONEY = 9
    COVER_SHORTFALL = 10

    __hash__ = int.__hash__  # Enum's own is written in Python, and kinds are looked up at every step


class OutcomeKind(enum.IntEnum):
    """What a bank answers; numbers are those of the wire, names those of the columns. The last three are never
    stored."""

    DEBITED = 1
    CREDITED = 2
    BOOKED = 3
    REFUSED = 4
    CANCELLED = 5
    NOT_DEBITED = 6
    RETURNED = 7
    SETTLED = 8
    FINGERPRINT_MISMATCH = 9
    KEY_REUSED = 10
    CONTRADICTION = 11

    __hash__ = int.__hash__


PURPOSES = {
    InstructionKind.DEPOSIT: Purpose.DEPOSIT,
    InstructionKind.WITHDRAW: Purpose.WITHDRAWAL,
    InstructionKind.ADD_MONEY: Purpose.MONEY_ADDED,
    InstructionKind.COVER_SHORTFALL: Purpose.SHORTFALL,
}
"""What the order of an instruction is for, where it is not a transfer."""


@value
class Head:
    """A position in a bank's stream of records: a number, and the chain hash there. Before the first it is (0, b"")."""

    record_id: int
    chain_hash: bytes


NO_HEAD = Head(0, b"")


@value
class Evidence:
    """Another bank's outcome for the same transfer, and where it stands in that bank's records."""

    bank: str
    kind: OutcomeKind
    head: Head


@value
class Instruction:
    """One thing for a bank to do, once. `grant` is the customer's, `actor` the operator's name; one of them may be
    empty, and both are for instructions that neither needs. `request_id` and `attempt` are for logs alone."""

    kind: InstructionKind
    transfer_id: bytes
    fingerprint: bytes
    order: Order
    principal: str
    grant: bytes = b""
    actor: str = ""
    evidence: Evidence | None = None
    request_id: str = ""
    attempt: int = 1


@value
class Outcome:
    """A bank's answer to one instruction, the same for ever under one id and fingerprint."""

    transfer_id: bytes
    kind: OutcomeKind
    reason: str = ""
    head: Head = NO_HEAD
    balance_after: int = 0
    entry_id: int = 0
    replayed: bool = False


@value
class KnownOutcome:
    """An outcome of a bank as others remember it: the instruction that it answered, as far as they know it, and where
    it stood in the bank's records."""

    instruction: Instruction
    kind: OutcomeKind
    reason: str
    head: Head


@value
class LostRecords:
    """Records of a bank that its books lack and that others have seen, both ends included."""

    first: int
    last: int
