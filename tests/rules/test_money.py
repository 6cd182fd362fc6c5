"""Money is exact, and what is typed is either the amount that was meant or a refusal that says why."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interbank.currencies import decimals, scale
from interbank.money import MAX_MINOR_UNITS, Money, check_amount, parse_decimal, parse_money, to_decimal
from interbank.refusals import Reason, Refused

ROOT = Path(__file__).parents[2]

AS_WRITTEN = [
    (0, "EUR", "0.00"),
    (1, "EUR", "0.01"),
    (99, "EUR", "0.99"),
    (1234, "EUR", "12.34"),
    (-150, "EUR", "-1.50"),
    (-1, "EUR", "-0.01"),
    (1234, "JPY", "1234"),
    (-7, "JPY", "-7"),
    (1234, "BHD", "1.234"),
    (-5, "BHD", "-0.005"),
    (MAX_MINOR_UNITS, "EUR", "9999999999999.99"),
    (-(2**63), "EUR", "-92233720368547758.08"),
]

TYPED = [
    ("12.34", "EUR", 1234),
    ("12.3", "EUR", 1230),
    ("12", "EUR", 1200),
    ("0.01", "EUR", 1),
    ("007.50", "EUR", 750),
    ("1234", "JPY", 1234),
    ("1.234", "BHD", 1234),
    ("9999999999999.99", "EUR", MAX_MINOR_UNITS),
]

MALFORMED = ["", " ", "12.34 ", " 12.34", "+1", "12.", ".5", "1e3", "1_000", "0x10", "nan", "inf", "--1",
             "- 1", "12.34\n", "١٢", "\uff11\uff12", "12·34", "9" * 41]  # fmt: skip

REFUSED = [
    ("12.345", "EUR", Reason.AMOUNT_TOO_PRECISE),
    ("12.340", "EUR", Reason.AMOUNT_TOO_PRECISE),
    ("1.0", "JPY", Reason.AMOUNT_TOO_PRECISE),
    ("0", "EUR", Reason.AMOUNT_NOT_POSITIVE),
    ("0.00", "EUR", Reason.AMOUNT_NOT_POSITIVE),
    ("-0.01", "EUR", Reason.AMOUNT_NOT_POSITIVE),
    ("10000000000000.00", "EUR", Reason.AMOUNT_TOO_LARGE),
    ("1000000000000000", "JPY", Reason.AMOUNT_TOO_LARGE),
    ("9" * 40, "JPY", Reason.AMOUNT_TOO_LARGE),
    ("1.00", "EURO", Reason.CURRENCY_UNKNOWN),
    ("1.00", "eur", Reason.CURRENCY_UNKNOWN),
    ("1.00", "", Reason.CURRENCY_UNKNOWN),
]


@pytest.mark.parametrize(("minor_units", "currency", "text"), AS_WRITTEN)
def test_an_amount_is_written_with_all_the_digits_of_its_currency(minor_units: int, currency: str, text: str) -> None:
    assert to_decimal(minor_units, currency) == text
    assert str(Money(minor_units, currency)) == f"{text} {currency}"


@pytest.mark.parametrize(("text", "currency", "minor_units"), TYPED)
def test_an_amount_is_read_as_it_was_meant(text: str, currency: str, minor_units: int) -> None:
    assert parse_money(text, currency) == Money(minor_units, currency)


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_plain_decimal_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_money(text, "EUR", field="deposit")
    assert (caught.value.reason, caught.value.field) == (Reason.AMOUNT_MALFORMED, "deposit")
    assert caught.value.hint == "example: 12.34"
    assert len(caught.value.message) < 70


@pytest.mark.parametrize(("text", "currency", "reason"), REFUSED)
def test_an_amount_that_no_order_may_carry_is_refused(text: str, currency: str, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        parse_money(text, currency)
    assert caught.value.reason is reason


def test_a_decimal_comma_is_answered_with_the_point_that_was_meant() -> None:
    with pytest.raises(Refused) as caught:
        parse_money("12,34", "EUR")
    assert caught.value.hint == "write 12.34"


def test_an_opening_deposit_may_be_zero_but_an_order_may_not() -> None:
    assert parse_decimal("0.00", "EUR") == Money(0, "EUR")
    with pytest.raises(Refused):
        parse_money("0.00", "EUR")


@pytest.mark.parametrize("minor_units", [1, MAX_MINOR_UNITS])
def test_both_ends_of_the_range_are_inside(minor_units: int) -> None:
    check_amount(minor_units, "EUR")


@pytest.mark.parametrize(
    ("minor_units", "reason"),
    [
        (0, Reason.AMOUNT_NOT_POSITIVE),
        (-1, Reason.AMOUNT_NOT_POSITIVE),
        (MAX_MINOR_UNITS + 1, Reason.AMOUNT_TOO_LARGE),
        (2**63, Reason.AMOUNT_TOO_LARGE),
    ],
)
def test_one_beyond_either_end_is_refused(minor_units: int, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        check_amount(minor_units, "EUR", field="deposit")
    assert (caught.value.reason, caught.value.field) == (reason, "deposit")


def test_a_full_account_of_the_largest_amounts_fits_64_bits() -> None:
    assert 9_223 * MAX_MINOR_UNITS < 2**63


def test_amounts_of_two_currencies_cannot_be_added() -> None:
    assert Money(1, "EUR") + -Money(3, "EUR") == Money(-2, "EUR")
    with pytest.raises(ValueError, match="two currencies"):
        Money(1, "EUR") + Money(1, "USD")


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("EUR", 2), ("USD", 2), ("BHD", 3), ("KWD", 3)])
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, digits: int) -> None:
    assert decimals(currency) == digits
    assert scale(currency) == 10**digits


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["EUR", "JPY", "BHD"]))
def test_what_is_written_is_read_back_to_the_last_unit(minor_units: int, currency: str) -> None:
    assert parse_decimal(to_decimal(minor_units, currency), currency) == Money(minor_units, currency)


@given(st.text(max_size=50), st.sampled_from(["EUR", "JPY", "BHD"]))
def test_any_text_is_an_amount_or_a_refusal(text: str, currency: str) -> None:
    try:
        money = parse_money(text, currency)
    except Refused:
        return
    assert 1 <= money.minor_units <= MAX_MINOR_UNITS


@pytest.mark.parametrize(
    "file", ["interbank/money.py", "interbank/orders.py", "interbank/canonical.py", "interbank/instructions.py",
             "bank_service/books.py", "bank_service/ledger.py", "bank_service/storage.py", "gateway_service/cash.py"]
)  # fmt: skip
def test_no_float_is_near_money(file: str) -> None:
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), node.lineno
        assert not (isinstance(node, ast.Name) and node.id in ("float", "round")), node.lineno
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), node.lineno


@pytest.mark.parametrize(
    ("typed", "currency", "hint"),
    [
        ("1,000.00", "EUR", "write it without thousands separators: 1000.00"),
        ("12,345,678.9", "EUR", "write it without thousands separators: 12345678.9"),
        ("1,000", "EUR", "write it without thousands separators: 1000"),
        ("1,000", "JPY", "write it without thousands separators: 1000"),
        ("1,234", "BHD", "write 1.234"),
        ("1,234.500", "BHD", "write it without thousands separators: 1234.500"),
        ("10,00.00", "EUR", "example: 12.34"),
    ],
)
def test_an_amount_with_thousands_separators_is_shown_without_them(typed: str, currency: str, hint: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_money(typed, currency)
    assert (caught.value.reason, caught.value.hint) == (Reason.AMOUNT_MALFORMED, hint)
