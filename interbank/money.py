"""Exact money: a whole number of minor units and a currency. No input or output, and no float anywhere."""

import re

from interbank.currencies import decimals
from interbank.refusals import Reason, Refused
from interbank.values import value

MAX_MINOR_UNITS = 10**15 - 1
"""The largest amount of one order; a signed 64-bit balance then holds 9,223 of them."""

_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)

_WRITTEN = {2: "%d.%02d", 3: "%d.%03d"}
"""Whole units and the rest, by decimals."""

_GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)


@value
class Money:
    """An amount in the smallest unit of its currency: Money(1234, "EUR") is 12.34 EUR. May be negative."""

    minor_units: int
    currency: str

    def __str__(self) -> str:
        return amount_text(self.minor_units, self.currency)

    @property
    def decimal(self) -> str:
        """The amount as people write it, with all the currency's digits and no grouping: "12.34"."""
        return to_decimal(self.minor_units, self.currency)

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise ValueError(f"{self} and {other} are of two currencies")
        return Money(self.minor_units + other.minor_units, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor_units, self.currency)


def to_decimal(minor_units: int, currency: str) -> str:
    """Write minor units as a decimal: (-150, "EUR") is "-1.50". Raises Refused(CURRENCY_UNKNOWN)."""
    digits = decimals(currency)
    if digits == 0:
        return str(minor_units)
    written = _WRITTEN[digits] % divmod(abs(minor_units), 10**digits)
    return written if minor_units >= 0 else f"-{written}"


def amount_text(minor_units: int, currency: str) -> str:
    """Minor units as people read them: (1234, "EUR") is "12.34 EUR". Raises Refused(CURRENCY_UNKNOWN)."""
    return f"{to_decimal(minor_units, currency)} {currency}"


def parse_money(text: str, currency: str, *, field: str = "amount") -> Money:
    """Read an amount to pay, such as "12.34", "12.3" or "12": positive, at most MAX_MINOR_UNITS, not too precise.

    Raises Refused with AMOUNT_MALFORMED, AMOUNT_TOO_PRECISE, AMOUNT_NOT_POSITIVE or AMOUNT_TOO_LARGE and `field`.
    """
    money = parse_decimal(text, currency, field=field)
    check_amount(money.minor_units, currency, field=field)
    return money


def parse_decimal(text: str, currency: str, *, field: str = "amount") -> Money:
    """Read a decimal of any sign and size, "0.00" included.

    Raises Refused(AMOUNT_MALFORMED or AMOUNT_TOO_PRECISE) with `field`.
    """
    digits = decimals(currency)
    example = to_decimal(1234, currency)
    match = _DECIMAL.fullmatch(text)
    if match is None or len(text) > 40:
        hint = _as_meant(text, digits) or f"example: {example}"
        raise Refused(Reason.AMOUNT_MALFORMED, f'"{text[:40]}" is not an amount', field=field, hint=hint)
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > digits:
        raise Refused(
            Reason.AMOUNT_TOO_PRECISE,
            f"{text} has {len(fraction)} decimals, {currency} has {digits}",
            field=field,
            hint=f"example: {example}",
        )
    return Money(int(f"{sign}{whole}{fraction.ljust(digits, '0')}"), currency)


def _as_meant(text: str, digits: int) -> str:
    """How to write an amount that has commas; empty where nobody can know what is meant."""
    # With three decimals 1,234 may be either.
    if _GROUPED.fullmatch(text) and (digits != 3 or "." in text or text.count(",") > 1):
        return f"write it without thousands separators: {text.replace(',', '')}"
    point = text.replace(",", ".")
    return f"write {point}" if text != point and _DECIMAL.fullmatch(point) else ""


def check_amount(minor_units: int, currency: str, *, field: str = "amount") -> None:
    """Refuse an amount that no order may carry: AMOUNT_NOT_POSITIVE or AMOUNT_TOO_LARGE, with `field`."""
    if minor_units <= 0:
        raise Refused(
            Reason.AMOUNT_NOT_POSITIVE,
            f"{to_decimal(minor_units, currency)} {currency} is not more than zero",
            field=field,
            hint=f"the smallest amount is {Money(1, currency)}",
        )
    if minor_units > MAX_MINOR_UNITS:
        raise Refused(
            Reason.AMOUNT_TOO_LARGE,
            f"{to_decimal(minor_units, currency)} {currency} is too large",
            field=field,
            hint=f"the largest amount of one order is {Money(MAX_MINOR_UNITS, currency)}",
        )
