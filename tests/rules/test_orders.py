"""An order is what it says: its fingerprint and its id commit to every field, and its fields have bounds."""

import hashlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interbank.canonical import canonical
from interbank.currencies import decimals
from interbank.orders import (
    MAX_ACCOUNT,
    Order,
    Purpose,
    bank_principal,
    check_account,
    check_bank_id,
    check_key,
    check_order,
    check_password,
    check_reference,
    check_username,
    fingerprint,
    principal_username,
    transfer_id,
    user_principal,
)
from interbank.refusals import Reason, Refused
from tests.instructing import ORDER

OTHER_VALUES = {
    "payer_bank": "NORTHX",
    "payer_account": 1,
    "payee_bank": "SOUTHX",
    "payee_account": 2002,
    "payee_name": "bobby",
    "minor_units": 1001,
    "currency": "USD",
    "reference": "rent ",
    "idempotency_key": "k-2",
}


def refusal_of(order: Order) -> Refused:
    with pytest.raises(Refused) as caught:
        check_order(order)
    return caught.value


# --- identity


def test_every_field_has_another_value_in_these_tests() -> None:
    assert set(OTHER_VALUES) == {field.name for field in fields(Order)}


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_fingerprint_and_id_commit_to_every_field(field: str) -> None:
    other = replace(ORDER, **{field: OTHER_VALUES[field]})  # type: ignore[arg-type]
    assert fingerprint(other) != fingerprint(ORDER)
    assert identity(other) != identity(ORDER)


def identity(order: Order, principal: str = "user:alice") -> bytes:
    return transfer_id(principal, order.idempotency_key, fingerprint(order))


def test_a_retry_has_the_same_id_and_another_principal_has_another() -> None:
    assert identity(replace(ORDER)) == identity(ORDER)
    assert identity(ORDER, "user:alic") != identity(ORDER)
    assert len(identity(ORDER)) == 16
    assert len(fingerprint(ORDER)) == 32


def test_the_id_commits_to_key_and_fingerprint_by_themselves() -> None:
    digest = fingerprint(ORDER)
    assert len({transfer_id("user:alice", "k", digest), transfer_id("user:alice", "l", digest),
                transfer_id("user:alice", "k", digest[::-1])}) == 3  # fmt: skip


def test_a_deposit_can_never_pass_for_a_transfer() -> None:
    assert len({fingerprint(ORDER, purpose) for purpose in Purpose}) == len(Purpose)


def test_the_hashes_are_those_of_the_protocol() -> None:
    """Worked out by hand, so that a change of a single byte, which would orphan every order under way, is seen."""
    parts = [b"interbank/order/v1", b"transfer", b"NORTH", b"1001", b"SOUTH", b"2001", b"bob", b"1000", b"EUR", b"rent",
             b"k-1"]  # fmt: skip
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    named = [b"interbank/transfer/v1", b"user:alice", b"k-1", digest]
    expected = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in named)).digest()[:16]

    assert fingerprint(ORDER) == digest
    assert identity(ORDER) == expected


def test_text_that_moves_from_one_field_to_the_next_is_another_order() -> None:
    assert fingerprint(replace(ORDER, payer_bank="NORTH1", payer_account=1)) != fingerprint(
        replace(ORDER, payer_bank="NORTH", payer_account=11)
    )
    assert canonical("ab", "c") != canonical("a", "bc")
    assert canonical("", "x") != canonical("x", "")
    assert canonical(None) != canonical("") != canonical()


cells = st.one_of(st.none(), st.binary(max_size=300), st.text(max_size=300), st.integers(-(2**63), 2**63))


@given(st.lists(cells, max_size=6), st.lists(cells, max_size=6))
def test_two_rows_have_the_same_canonical_bytes_only_if_they_say_the_same(
    one: list[bytes | str | int | None], other: list[bytes | str | int | None]
) -> None:
    assert (canonical(*one) == canonical(*other)) == ([raw(cell) for cell in one] == [raw(cell) for cell in other])


def raw(cell: bytes | str | int | None) -> bytes | None:
    return cell if cell is None or isinstance(cell, bytes) else str(cell).encode()


@pytest.mark.parametrize("length", [0, 1, 255, 256, 65_536])
def test_a_field_is_led_by_its_length_in_four_bytes(length: int) -> None:
    assert canonical(b"x" * length) == length.to_bytes(4, "big") + b"x" * length


def test_what_has_no_canonical_bytes_is_a_fault_and_not_a_guess() -> None:
    for cell in (True, 1.5, bytearray(b"x"), Purpose.DEPOSIT):
        with pytest.raises(TypeError):
            canonical(cell)  # type: ignore[arg-type]


# --- bounds

INSIDE = [
    ("payer_bank", "AB"),
    ("payer_bank", "A2345678901"),
    ("payer_account", 0),
    ("payer_account", MAX_ACCOUNT),
    ("payee_account", 0),
    ("payee_name", "a1"),
    ("payee_name", "a" * 32),
    ("payee_name", "0._-"),
    ("minor_units", 1),
    ("minor_units", 10**15 - 1),
    ("currency", "JPY"),
    ("reference", ""),
    ("reference", "x" * 140),
    ("reference", "Grüße, 家賃 🏠"),
    ("idempotency_key", "k"),
    ("idempotency_key", "k" * 128),
    ("idempotency_key", "a b~!"),
]

OUTSIDE = [
    ("payer_bank", "", Reason.FIELD_REQUIRED),
    ("payer_bank", "A", Reason.BANK_ID_MALFORMED),
    ("payer_bank", "A23456789012", Reason.BANK_ID_MALFORMED),
    ("payer_bank", "north", Reason.BANK_ID_MALFORMED),
    ("payer_bank", "NO/RTH", Reason.BANK_ID_MALFORMED),
    ("payer_bank", "NORTH\n", Reason.BANK_ID_MALFORMED),
    ("payee_bank", "", Reason.FIELD_REQUIRED),
    ("payee_bank", "ÑORTH", Reason.BANK_ID_MALFORMED),
    ("payee_bank", "NORTH٣", Reason.BANK_ID_MALFORMED),
    ("payer_account", -1, Reason.ACCOUNT_NUMBER_MALFORMED),
    ("payer_account", MAX_ACCOUNT + 1, Reason.ACCOUNT_NUMBER_MALFORMED),
    ("payee_account", -2, Reason.ACCOUNT_NUMBER_MALFORMED),
    ("payee_account", 2**63 - 1, Reason.ACCOUNT_NUMBER_MALFORMED),
    ("payee_name", "", Reason.FIELD_REQUIRED),
    ("payee_name", "a", Reason.USERNAME_MALFORMED),
    ("payee_name", "a" * 33, Reason.USERNAME_MALFORMED),
    ("payee_name", "Bob", Reason.USERNAME_MALFORMED),
    ("payee_name", ".bob", Reason.USERNAME_MALFORMED),
    ("payee_name", "bob smith", Reason.USERNAME_MALFORMED),
    ("payee_name", "b\u043eb", Reason.USERNAME_MALFORMED),
    ("payee_name", "bob\n", Reason.USERNAME_MALFORMED),
    ("minor_units", 0, Reason.AMOUNT_NOT_POSITIVE),
    ("minor_units", -1000, Reason.AMOUNT_NOT_POSITIVE),
    ("minor_units", 10**15, Reason.AMOUNT_TOO_LARGE),
    ("currency", "", Reason.CURRENCY_UNKNOWN),
    ("currency", "XXX", Reason.CURRENCY_UNKNOWN),
    ("currency", "eur", Reason.CURRENCY_UNKNOWN),
    ("currency", "EUR\n", Reason.CURRENCY_UNKNOWN),
    ("reference", "x" * 141, Reason.REFERENCE_MALFORMED),
    ("idempotency_key", "", Reason.FIELD_REQUIRED),
    ("idempotency_key", "k" * 129, Reason.KEY_MALFORMED),
    ("idempotency_key", " k", Reason.KEY_MALFORMED),
    ("idempotency_key", "k ", Reason.KEY_MALFORMED),
    ("idempotency_key", "k\n", Reason.KEY_MALFORMED),
    ("idempotency_key", "k\x7f", Reason.KEY_MALFORMED),
    ("idempotency_key", "schlüssel", Reason.KEY_MALFORMED),
]


@pytest.mark.parametrize(("field", "value"), INSIDE)
def test_both_ends_of_every_range_are_accepted(field: str, value: object) -> None:
    check_order(replace(ORDER, **{field: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "value", "reason"), OUTSIDE)
def test_what_is_out_of_range_is_refused_with_its_field(field: str, value: object, reason: Reason) -> None:
    refused = refusal_of(replace(ORDER, **{field: value}))  # type: ignore[arg-type]
    assert refused.reason is reason
    assert refused.field == ("amount" if field == "minor_units" else field)


DISGUISES = {
    "line feed": "\n", "carriage return": "\r", "tab": "\t", "NUL": "\0", "escape": "\x1b", "delete": "\x7f",
    "next line": "\x85", "C1": "\x9b", "line separator": "\u2028", "paragraph separator": "\u2029",
    "left-to-right mark": "\u200e", "right-to-left mark": "\u200f", "Arabic letter mark": "\u061c",
    "right-to-left override": "\u202e",
    "pop directional formatting": "\u202c", "isolate": "\u2066", "pop directional isolate": "\u2069",
    "lone surrogate": "\ud800",
}  # fmt: skip


@pytest.mark.parametrize("character", DISGUISES.values(), ids=DISGUISES)
def test_a_reference_cannot_disguise_a_line(character: str) -> None:
    refused = refusal_of(replace(ORDER, reference=f"re{character}nt"))
    assert (refused.reason, refused.field) == (Reason.REFERENCE_MALFORMED, "reference")
    assert character not in refused.message + refused.hint


def test_an_account_cannot_pay_itself_but_its_number_at_another_bank_may_be_paid() -> None:
    itself = replace(ORDER, payee_bank="NORTH", payee_account=1001)
    assert refusal_of(itself).reason is Reason.PAYER_IS_PAYEE
    check_order(replace(ORDER, payee_account=1001))
    check_order(replace(itself, payee_account=1002))


def test_a_refusal_never_repeats_what_may_be_a_secret_or_endless() -> None:
    for check, value in ((check_bank_id, "N" * 5000), (check_username, "u" * 5000), (decimals, "E" * 5000)):
        with pytest.raises(Refused) as caught:
            check(value)
        assert len(caught.value.message) < 80
    for check, value in ((check_key, "clé" * 999), (check_reference, "r" * 5000), (check_password, "short")):
        with pytest.raises(Refused) as caught:
            check(value)
        assert value[:5] not in caught.value.message + caught.value.hint


def test_a_check_names_the_field_that_it_was_asked_about() -> None:
    for check, value in ((check_bank_id, "x"), (check_username, "X"), (check_account, -1), (check_reference, "\n"),
                         (check_key, ""), (check_password, "")):  # fmt: skip
        with pytest.raises(Refused) as caught:
            check(value, "there")  # type: ignore[operator]
        assert caught.value.field == "there"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("x" * 14, Reason.PASSWORD_TOO_SHORT),
        ("1234", Reason.PASSWORD_TOO_SHORT),
        ("é" * 14, Reason.PASSWORD_TOO_SHORT),
        ("x" * 73, Reason.PASSWORD_TOO_LONG),
        ("é" * 37, Reason.PASSWORD_TOO_LONG),
    ],
)
def test_a_password_has_fifteen_characters_and_not_more_bytes_than_bcrypt_reads(password: str, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        check_password(password)
    assert caught.value.reason is reason


def test_passwords_at_both_ends_are_accepted() -> None:
    for password in ("x" * 15, "x" * 72, "é" * 36):
        check_password(password)


def test_a_principal_says_whose_word_it_is() -> None:
    assert user_principal("alice") == "user:alice"
    assert bank_principal("NORTH") == "bank:NORTH"
    assert principal_username("user:alice") == "alice"
    assert principal_username("bank:NORTH") == ""
    assert principal_username("alice") == ""
