"""Every way in which the network says no, each named by a full statement. No input or output.

A reason is one word from the pure rules to the wire (google.rpc.ErrorInfo.reason, Outcome.reason), to the column
`reason`, to the message on the screen. Beside it stands the ISO 20022 code (ExternalStatusReason1Code) where one fits,
and a kind, which decides the gRPC status and the exit code.
"""

import enum
from typing import Any, TypeVar


class Kind(enum.Enum):
    """What sort of no it is. The values are gRPC status names."""

    REFUSED = "FAILED_PRECONDITION"  # a rule of the books forbids it
    NOT_FOUND = "NOT_FOUND"  # it does not exist, or it is none of the caller's business
    TAKEN = "ALREADY_EXISTS"  # something else stands in its place
    MALFORMED = "INVALID_ARGUMENT"  # the request cannot be meant
    UNAUTHENTICATED = "UNAUTHENTICATED"  # nobody knows who asks
    NOT_ALLOWED = "PERMISSION_DENIED"  # the caller is known and may not
    UNAVAILABLE = "UNAVAILABLE"  # not now: a part of the network is down
    BUSY = "RESOURCE_EXHAUSTED"  # not now: too much at once
    IN_PROGRESS = "ABORTED"  # not now: the same thing is under way
    UNKNOWN = "DEADLINE_EXCEEDED"  # it was asked for, and nobody knows yet whether it was done
    BROKEN = "INTERNAL"  # a fault of ours, or of the disk


EXIT_CODES = {
    Kind.REFUSED: 3,
    Kind.NOT_FOUND: 3,
    Kind.TAKEN: 3,
    Kind.MALFORMED: 2,
    Kind.UNAUTHENTICATED: 4,
    Kind.NOT_ALLOWED: 4,
    Kind.UNAVAILABLE: 5,
    Kind.BUSY: 5,
    Kind.IN_PROGRESS: 5,
    Kind.UNKNOWN: 6,
    Kind.BROKEN: 1,
}
"""What a command line ends with when it is refused."""


class Reason(enum.Enum):
    """Why. The value is (kind, ISO 20022 code or "", what it means)."""

    # An order, as the books see it
    INSUFFICIENT_FUNDS = (Kind.REFUSED, "AM04", "the payer's account holds less than the amount")
    ACCOUNT_NOT_FOUND = (Kind.NOT_FOUND, "AC01", "no such account, or it is not the caller's")
    ACCOUNT_FROZEN = (Kind.REFUSED, "AC06", "the account is frozen and pays nothing")
    ACCOUNT_CLOSED = (Kind.REFUSED, "AC04", "the account is closed")
    PAYEE_ACCOUNT_NOT_FOUND = (Kind.NOT_FOUND, "AC03", "the payee's bank has no such account")
    PAYEE_NAME_MISMATCH = (Kind.REFUSED, "BE01", "the payee's account is not in the name that was given")
    PAYEE_ACCOUNT_FROZEN = (Kind.REFUSED, "AC06", "the payee's account is frozen and is paid nothing")
    PAYEE_ACCOUNT_CLOSED = (Kind.REFUSED, "AC04", "the payee's account is closed")
    CURRENCY_MISMATCH = (Kind.REFUSED, "AM03", "the account is in another currency")
    PAYER_IS_PAYEE = (Kind.REFUSED, "AG01", "payer and payee are one account")
    BALANCE_LIMIT_EXCEEDED = (Kind.REFUSED, "AM02", "the account would hold more than the books can count")
    UNKNOWN_BANK = (Kind.NOT_FOUND, "RC01", "no bank of that id in this network")
    GRANT_ENDED = (Kind.REFUSED, "AG01", "the customer's access at his bank had ended before the order reached it")
    IDEMPOTENCY_KEY_REUSED = (Kind.TAKEN, "AM05", "the key belongs to another order")
    CANCELLED_BY_PATIENCE = (Kind.REFUSED, "AB05", "no answer came in time, so the order was given up")
    CASH_EXHAUSTED = (Kind.REFUSED, "", "the bank has paid out all the cash that was brought in")
    COUNTER_CLOSED = (Kind.REFUSED, "AG01", "this bank's customers cannot deposit or withdraw cash by themselves")
    OPERATOR_NOT_ADMITTED = (Kind.NOT_ALLOWED, "AG01", "this bank does not take the operator's acts from the gateway")

    # What a request looks like
    FIELD_REQUIRED = (Kind.MALFORMED, "", "a field is missing")
    AMOUNT_MALFORMED = (Kind.MALFORMED, "AM12", "not an amount")
    AMOUNT_TOO_PRECISE = (Kind.MALFORMED, "AM12", "more decimals than the currency has")
    AMOUNT_NOT_POSITIVE = (Kind.MALFORMED, "AM01", "zero or less")
    AMOUNT_TOO_LARGE = (Kind.MALFORMED, "AM02", "more than 10^15-1 minor units")
    CURRENCY_UNKNOWN = (Kind.MALFORMED, "AM11", "not an ISO 4217 code")
    BANK_ID_MALFORMED = (Kind.MALFORMED, "RC01", "not 2 to 11 of A-Z 0-9")
    ACCOUNT_NUMBER_MALFORMED = (Kind.MALFORMED, "AC01", "not an account number")
    USERNAME_MALFORMED = (Kind.MALFORMED, "", "not 2 to 32 of a-z 0-9 . _ - beginning with a letter or digit")
    REFERENCE_MALFORMED = (Kind.MALFORMED, "", "more than 140 characters, or control characters among them")
    KEY_MALFORMED = (Kind.MALFORMED, "", "not 1 to 128 printable ASCII characters")
    PASSWORD_TOO_SHORT = (Kind.MALFORMED, "", "fewer than 15 characters")
    PASSWORD_TOO_LONG = (Kind.MALFORMED, "", "more than 72 bytes of UTF-8")
    TRANSFER_ID_MALFORMED = (Kind.MALFORMED, "", "not a transfer id")
    PAGE_MALFORMED = (Kind.MALFORMED, "", "page size or page token out of range")
    TOO_MANY_ITEMS = (Kind.MALFORMED, "", "more items than one request may carry")
    REQUEST_MALFORMED = (Kind.MALFORMED, "", "the bytes are not the message of this call")
    REQUEST_TOO_LARGE = (Kind.MALFORMED, "", "more bytes than one request may have")
    INSTRUCTION_MALFORMED = (Kind.MALFORMED, "", "an instruction lacks what its kind needs")
    ADDRESS_MALFORMED = (Kind.MALFORMED, "", "not HOST:PORT")
    PORT_MALFORMED = (Kind.MALFORMED, "", "not a port, 1 to 65535")
    HOST_MALFORMED = (Kind.MALFORMED, "", "not a host that a certificate of the gateway may name")
    FILE_MALFORMED = (Kind.MALFORMED, "", "a file cannot be read as what it should be")

    # Who asks
    NOT_LOGGED_IN = (Kind.UNAUTHENTICATED, "", "no session, or one that nobody knows")
    SESSION_EXPIRED = (Kind.UNAUTHENTICATED, "", "the session ended by time")
    NOT_LOGGED_IN_AT_BANK = (Kind.UNAUTHENTICATED, "", "the session has no access at that bank")
    WRONG_CREDENTIALS = (Kind.UNAUTHENTICATED, "", "user name or password is wrong")
    LOGIN_THROTTLED = (Kind.BUSY, "", "too many wrong passwords; wait")
    NOT_ALLOWED = (Kind.NOT_ALLOWED, "", "the caller may not do that")
    BANK_NOT_RECOGNISED = (Kind.NOT_ALLOWED, "", "the certificate names no bank")
    CALLER_NOT_RECOGNISED = (Kind.NOT_ALLOWED, "", "the certificate is not the gateway's")
    CURRENCY_CHANGED = (Kind.REFUSED, "", "the bank joined with another currency before")

    # Things looked for
    TRANSFER_NOT_FOUND = (Kind.NOT_FOUND, "", "no such transfer, or it is not the caller's")
    SESSION_NOT_FOUND = (Kind.NOT_FOUND, "", "no such session, or it is not the caller's")

    # Accounts and users
    ACCOUNT_NUMBER_TAKEN = (Kind.TAKEN, "", "the account number belongs to another user")
    USER_HAS_ACCOUNT = (Kind.TAKEN, "", "the user has an account at this bank already")
    ALREADY_REGISTERED = (Kind.TAKEN, "", "the account is registered already")
    USERNAME_TAKEN = (Kind.TAKEN, "", "the name is registered; binding another account to it needs its own session")
    OPENING_DIFFERS = (Kind.TAKEN, "", "the account was opened before with another deposit")
    ACCOUNT_HAS_BALANCE = (Kind.REFUSED, "", "an account is closed at balance zero only")
    ACCOUNT_HAS_OPEN_DEBITS = (Kind.REFUSED, "", "money of the account is on its way")

    # Not now
    PAYEE_BANK_UNAVAILABLE = (Kind.UNAVAILABLE, "AB08", "the payee's bank is not connected")
    PAYER_BANK_UNAVAILABLE = (Kind.UNAVAILABLE, "AB08", "the payer's bank is not connected")
    BANK_UNAVAILABLE = (Kind.UNAVAILABLE, "", "the bank is not connected")
    GATEWAY_UNREACHABLE = (Kind.UNAVAILABLE, "", "no connection to the gateway came up")
    GATEWAY_STARTING = (Kind.UNAVAILABLE, "", "the gateway is not ready yet")
    GATEWAY_OVERLOADED = (Kind.BUSY, "", "the gateway has as much to do as it will take")
    BANK_BUSY = (Kind.BUSY, "", "the bank has as much to do as it will take")
    STORAGE_FULL = (Kind.BUSY, "", "the disk is full")
    ORDER_IN_PROGRESS = (Kind.IN_PROGRESS, "", "another order under the key is being looked at; ask again")

    OUTCOME_UNKNOWN = (Kind.UNKNOWN, "", "the bank was asked and has not answered; the same key asks again, safely")

    # Between gateway and bank
    SESSION_SUPERSEDED = (Kind.REFUSED, "", "the bank serves a newer session, or none yet")
    EPOCH_SUPERSEDED = (Kind.REFUSED, "", "a newer gateway has opened a session")
    BANK_QUARANTINED = (Kind.REFUSED, "", "the bank lacks a record that others have seen")
    NOT_QUARANTINED = (Kind.REFUSED, "", "the bank lacks nothing, so nothing is written back")
    PAGES_OUT_OF_ORDER = (Kind.REFUSED, "", "a page of another repair, or not the next one")
    REFUSED_EARLIER = (Kind.REFUSED, "", "the bank refused before it was restored; why is not known any more")
    FINGERPRINT_MISMATCH = (Kind.TAKEN, "AM05", "the id is known with another order")
    OUTCOMES_CONTRADICT = (Kind.REFUSED, "", "the instruction contradicts an outcome of the bank")

    # Faults
    SCHEMA_UNKNOWN = (Kind.BROKEN, "", "the database has a schema that this version does not know")
    DATABASE_DAMAGED = (Kind.BROKEN, "", "the database file cannot be read")
    DATABASE_FOREIGN = (Kind.BROKEN, "", "the database belongs to another service or bank")
    DATABASE_UNFINISHED = (Kind.BROKEN, "", "the newest rows are in a second file beside the database, out of reach")
    DIRECTORY_NOT_EMPTY = (Kind.BROKEN, "", "the directory holds other files already")
    KEY_FILE_UNSAFE = (Kind.BROKEN, "", "a key file can be read by others, or not by this program")
    KEY_FILE_MISSING = (Kind.BROKEN, "", "a key or certificate file is not there")
    KEY_FILE_EXISTS = (Kind.TAKEN, "", "a key or certificate stands there already and is never overwritten")
    CERTIFICATE_UNUSABLE = (Kind.BROKEN, "", "a certificate or its key does not work in this network")
    ALREADY_RUNNING = (Kind.BROKEN, "", "another process has the database open")
    PORT_TAKEN = (Kind.BROKEN, "", "another process listens on the port")
    GATEWAY_FOREIGN = (Kind.BROKEN, "", "the gateway belongs to another network")
    HOME_EMPTY = (Kind.BROKEN, "", "the directory holds no network")
    PROCESS_FAILED = (Kind.BROKEN, "", "a process of the network ended before it was ready")
    NOT_READY_IN_TIME = (Kind.BROKEN, "", "a part of the network was not ready in time")
    DEFAULT_PASSWORD_EXPOSED = (Kind.BROKEN, "", "admin's first password works on this computer only")
    INTERNAL = (Kind.BROKEN, "", "a fault of this program; its log has the request id")

    @property
    def kind(self) -> Kind:
        """What sort of no it is."""
        return self.value[0]

    @property
    def iso_code(self) -> str:
        """The ISO 20022 external status reason code; empty where none fits."""
        return self.value[1]

    @property
    def meaning(self) -> str:
        """One line for people."""
        return self.value[2]

    @property
    def try_again(self) -> bool:
        """Whether the same request may succeed later without any change."""
        return self.kind in (Kind.UNAVAILABLE, Kind.BUSY, Kind.IN_PROGRESS)


E = TypeVar("E", bound=Exception)


def without_past(error: E) -> E:
    """The error itself, holding nothing of what went on before it. The frames of its traceback hold requests and all
    that was made of them; where one of them holds the error, too, they stay until the collector comes by."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


class Refused(Exception):
    """No, with a reason; crosses the wire intact (`interbank.rpc.status` maps it both ways).

    `message` says what happened with the values that were given, `field` names the one at fault, `hint` says what to
    do, `retry_after_ms` says when to ask again. None of them may hold a secret or another customer's data.
    """

    def __init__(
        self, reason: Reason, message: str = "", *, field: str = "", hint: str = "", retry_after_ms: int = 0
    ) -> None:
        super().__init__(message or reason.meaning)
        self.reason = reason
        self.message = message or reason.meaning
        self.field = field
        self.hint = hint
        self.retry_after_ms = retry_after_ms
        self.request_id = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it reaches another process whole: by itself an exception is made anew from its message alone."""
        return type(self), (self.reason, self.message), vars(self)
