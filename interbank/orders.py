"""What a customer asks for, and the two hashes that give it an identity. No input or output."""

import enum
import hashlib
import re

from interbank.canonical import canonical
from interbank.currencies import decimals
from interbank.money import Money, check_amount
from interbank.refusals import Reason, Refused
from interbank.values import value

MAX_ORDERS = 1000
"""Orders in one request, and instructions in one batch."""

MAX_REFERENCE = 140
MAX_KEY = 128
BANK_ID = re.compile(r"[A-Z0-9]{2,11}", re.ASCII)
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}", re.ASCII)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?")
MAX_ACCOUNT = 10**15 - 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Purpose(enum.Enum):
    """What an order is for; part of its fingerprint, so a deposit can never pass for a transfer."""

    TRANSFER = "transfer"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    MONEY_ADDED = "money-added"
    SHORTFALL = "shortfall"


@value
class Order:
    """Pay `minor_units` of `currency` from payer to payee. Field names are those of the wire and of the columns."""

    payer_bank: str
    payer_account: int
    payee_bank: str
    payee_account: int
    payee_name: str
    minor_units: int
    currency: str
    reference: str
    idempotency_key: str

    @property
    def amount(self) -> Money:
        """What is to be paid."""
        return Money(self.minor_units, self.currency)


def fingerprint(order: Order, purpose: Purpose = Purpose.TRANSFER) -> bytes:
    """32 bytes: SHA-256 over the canonical bytes of all fields of the order. Gateway and both banks compare it."""
    return hashlib.sha256(
        canonical(
            "interbank/order/v1",
            purpose._value_,
            order.payer_bank,
            order.payer_account,
            order.payee_bank,
            order.payee_account,
            order.payee_name,
            order.minor_units,
            order.currency,
            order.reference,
            order.idempotency_key,
        )
    ).digest()


def transfer_id(principal: str, idempotency_key: str, order_fingerprint: bytes) -> bytes:
    """16 bytes that name an accepted order: a retry has the same even if the gateway lost its disk, another order
    never does, since the id commits to the content."""
    return hashlib.sha256(canonical("interbank/transfer/v1", principal, idempotency_key, order_fingerprint)).digest()[
        :16
    ]


def check_order(order: Order) -> None:
    """Refuse an order that cannot be meant, whatever the books hold. Raises Refused with the field at fault."""
    check_bank_id(order.payer_bank, "payer_bank")
    check_account(order.payer_account, "payer_account")
    check_bank_id(order.payee_bank, "payee_bank")
    check_account(order.payee_account, "payee_account")
    check_username(order.payee_name, "payee_name")
    decimals(order.currency)
    check_amount(order.minor_units, order.currency)
    check_reference(order.reference)
    check_key(order.idempotency_key)
    if order.payer_bank == order.payee_bank and order.payer_account == order.payee_account:
        raise Refused(
            Reason.PAYER_IS_PAYEE, f"{order.payer_bank} {order.payer_account} cannot pay itself", field="payee_account"
        )


def check_bank_id(bank: str, field: str = "bank") -> None:
    """Refuse what is no bank id: FIELD_REQUIRED or BANK_ID_MALFORMED."""
    _required(bank, field)
    if not BANK_ID.fullmatch(bank):
        raise Refused(
            Reason.BANK_ID_MALFORMED,
            f'"{bank[:40]}" is not a bank id',
            field=field,
            hint="2 to 11 capital letters and digits, for example NORTH",
        )


def check_account(account: int, field: str = "account") -> None:
    """Refuse what is no account number of a customer or of the bank itself: ACCOUNT_NUMBER_MALFORMED."""
    if not 0 <= account <= MAX_ACCOUNT:
        raise Refused(
            Reason.ACCOUNT_NUMBER_MALFORMED,
            f"{account} is not an account number",
            field=field,
            hint="a whole number such as 1001",
        )


def check_username(username: str, field: str = "username") -> None:
    """Refuse what is no username: FIELD_REQUIRED or USERNAME_MALFORMED."""
    _required(username, field)
    if not USERNAME.fullmatch(username):
        raise Refused(
            Reason.USERNAME_MALFORMED,
            f'"{username[:40]}" is not a user name',
            field=field,
            hint="2 to 32 small letters, digits, and . _ - inside, for example alice",
        )


def check_reference(reference: str, field: str = "reference") -> None:
    """Refuse a reference that is too long, or holds characters that could disguise a line: REFERENCE_MALFORMED."""
    if len(reference) > MAX_REFERENCE:
        raise Refused(
            Reason.REFERENCE_MALFORMED,
            f"the reference has {len(reference)} characters",
            field=field,
            hint=f"at most {MAX_REFERENCE}",
        )
    if _CONTROL.search(reference):
        raise Refused(
            Reason.REFERENCE_MALFORMED,
            "the reference holds control characters",
            field=field,
            hint="plain text on one line",
        )


def check_key(key: str, field: str = "idempotency_key") -> None:
    """Refuse what cannot name an order: FIELD_REQUIRED or KEY_MALFORMED."""
    _required(key, field)
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise Refused(
            Reason.KEY_MALFORMED,
            "the idempotency key is not 1 to 128 printable ASCII characters",
            field=field,
            hint="no space at either end; for example rent-2026-11",
        )


def check_password(password: str, field: str = "password") -> None:
    """Refuse a new password that is too short (NIST SP 800-63B-4, 3.1.1.2: 15 as the only factor) or that bcrypt
    would cut (72 bytes)."""
    if len(password) < 15:
        raise Refused(
            Reason.PASSWORD_TOO_SHORT,
            f"the password has {len(password)} characters",
            field=field,
            hint="at least 15; three or four words do",
        )
    if len(password.encode()) > 72:
        raise Refused(
            Reason.PASSWORD_TOO_LONG,
            "the password has more than 72 bytes",
            field=field,
            hint="at most 72 bytes of UTF-8",
        )


def user_principal(username: str) -> str:
    """The principal of a customer: "user:alice"."""
    return f"user:{username}"


def bank_principal(bank: str) -> str:
    """The principal of a bank's own runs: "bank:NORTH"."""
    return f"bank:{bank}"


def principal_username(principal: str) -> str:
    """The customer behind a principal; empty for a bank's own runs."""
    return principal.removeprefix("user:") if principal.startswith("user:") else ""


def _required(value: str, field: str) -> None:
    if not value:
        raise Refused(Reason.FIELD_REQUIRED, f"{field.replace('_', ' ')} is missing", field=field)
