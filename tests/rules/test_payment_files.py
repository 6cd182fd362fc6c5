"""Files of payments: what is read, what is refused and where, and the keys that make a line paid once."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.csv_files import MalformedFile
from clients.payment_files import OPERATOR_COLUMNS, Payer, PaymentLine, parse_payments
from interbank.orders import IDEMPOTENCY_KEY

HEADER = "to_bank,to_account,to_name,amount,reference"
ALICE = Payer("NORTH", "EUR", 1001)
NORTH = Payer("NORTH", "EUR", None)


def parse(*lines: str, header: str = HEADER, payer: Payer = ALICE, run: str = "may") -> list[PaymentLine]:
    return parse_payments("\n".join([header, *lines]).encode(), payer, run)


def keys(*lines: str, header: str = HEADER, payer: Payer = ALICE, run: str = "may") -> list[str]:
    return [line.order.idempotency_key for line in parse(*lines, header=header, payer=payer, run=run)]


def faults(content: bytes | str, payer: Payer = ALICE) -> list[tuple[int, str]]:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(MalformedFile) as caught:
        parse_payments(raw, payer, "may")
    return [(fault.line, fault.column) for fault in caught.value.faults]


def test_a_line_becomes_an_order_of_the_payer() -> None:
    (line,) = parse("SOUTH,1001,bob,12.34,rent")
    order = line.order
    assert line.number == 2
    assert (order.payer_bank, order.payer_account) == ("NORTH", 1001)
    assert (order.payee_bank, order.payee_account, order.payee_name) == ("SOUTH", 1001, "bob")
    assert (order.minor_units, order.currency, order.reference) == (1234, "EUR", "rent")
    assert IDEMPOTENCY_KEY.fullmatch(order.idempotency_key)


def test_an_operators_line_names_the_account_that_pays() -> None:
    (line,) = parse("1007,SOUTH,1001,bob,1.00,", header=",".join(OPERATOR_COLUMNS), payer=NORTH)
    assert line.order.payer_account == 1007


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEADER}\r\nSOUTH,1001,bob,1.00,a\r\n",
        f"{HEADER}\n\n  SOUTH , 1001 ,bob, 1.00 ,a\n,,,,\n\n",
        "reference,amount,to_name,to_account,to_bank\na,1.00,bob,1001,SOUTH",
        f'{HEADER}\n"SOUTH","1001","bob","1.00","a"\n',
    ],
    ids=["spreadsheet", "spaces", "columns in another order", "quotes"],
)
def test_what_spreadsheets_do_to_a_file_changes_neither_order_nor_key(content: str) -> None:
    (line,) = parse_payments(content.encode(), ALICE, "may")
    assert line.order == parse("SOUTH,1001,bob,1.00,a")[0].order


def test_quotes_commas_and_umlauts_stand_in_a_reference() -> None:
    (line,) = parse('SOUTH,1001,bob,1.00,"Mai, ""Miete"" für Köln"')
    assert line.order.reference == 'Mai, "Miete" für Köln'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(1, "")]),
        (b"\xff\xfeto_bank", [(1, "")]),
        (f"{HEADER}\nSOUTH,1001,bob,1.00,M\xfcller\n".encode("latin-1"), [(2, "")]),
        ("to_bank;to_account;to_name;amount;reference\n", [(1, "")]),
        ("SOUTH,1001,bob,1.00,rent\n", [(1, "")]),
        ("to_bank,to_account,amount,reference\n", [(1, "to_name")]),
        (f"{HEADER},amount\n", [(1, "amount")]),
        (f"{HEADER},colour\n", [(1, "colour")]),
        (f"{HEADER}\nSOUTH,1001,bob,1.00\n", [(2, "")]),
        (f'{HEADER}\nSOUTH,1001,bob,1.00,"a\n', [(2, "")]),
    ],
    ids=[
        "empty", "UTF-16", "Latin-1", "semicolons", "no header", "missing", "twice", "unknown", "short line",
        "open quote",
    ],
)  # fmt: skip
def test_a_file_that_is_not_one_is_refused_with_its_line(content: bytes | str, expected: list[tuple[int, str]]) -> None:
    assert faults(content) == expected


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("south,1001,bob,1.00,", "to_bank"),
        (",1001,bob,1.00,", "to_bank"),
        ("SOUTH,-1,bob,1.00,", "to_account"),
        ("SOUTH,1e3,bob,1.00,", "to_account"),
        ("SOUTH,٣,bob,1.00,", "to_account"),
        ("SOUTH,9999999999999999,bob,1.00,", "to_account"),
        ("SOUTH,1001,Bob,1.00,", "to_name"),
        ("SOUTH,1001,,1.00,", "to_name"),
        ('SOUTH,1001,bob,"1,00",', "amount"),
        ("SOUTH,1001,bob,1.001,", "amount"),
        ("SOUTH,1001,bob,0.00,", "amount"),
        ("SOUTH,1001,bob,-1.00,", "amount"),
        ("SOUTH,1001,bob,1 000.00,", "amount"),
        ("SOUTH,1001,bob,10000000000000.00,", "amount"),
        (f"SOUTH,1001,bob,1.00,{'x' * 141}", "reference"),
        ("SOUTH,1001,bob,1.00,a\x1b[31m", "reference"),
        ('SOUTH,1001,bob,1.00,"a\nb"', "reference"),
        ("NORTH,1001,alice,1.00,", "to_account"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_by_line_and_column(line: str, column: str) -> None:
    assert faults(f"{HEADER}\nSOUTH,1001,bob,1.00,good\n{line}\n") == [(3, column)]


def test_all_faults_of_a_file_are_found_at_once() -> None:
    content = f"{HEADER}\nsouth,x,bob,1.00,\nSOUTH,1001,bob,1.00,\nSOUTH,1001,Bob,zero,\n"
    assert faults(content) == [(2, "to_bank"), (2, "to_account"), (4, "to_name"), (4, "amount")]


def test_line_numbers_are_those_of_an_editor() -> None:
    content = f'{HEADER}\n\nSOUTH,1001,bob,1.00,a\n"SOUTH",1001,bob,bad,"x"\n'
    assert faults(content) == [(4, "amount")]


def test_a_key_in_the_file_is_the_key_and_may_stand_there_once() -> None:
    with_keys = f"{HEADER},key"
    assert keys("SOUTH,1001,bob,1.00,a,rent-5", "SOUTH,1001,bob,1.00,a,", header=with_keys)[0] == "rent-5"
    twice = f"{with_keys}\nSOUTH,1001,bob,1.00,a,k\nSOUTH,1001,bob,2.00,a,k\nSOUTH,1001,bob,2.00,a, key\x7f\n"
    assert faults(twice) == [(3, "key"), (4, "key")]


def test_equal_lines_are_different_payments() -> None:
    assert len(set(keys(*["SOUTH,1001,bob,1.00,a"] * 50))) == 50


@pytest.mark.parametrize(
    "other",
    [
        "NORTH,1001,bob,1.00,a",
        "SOUTH,1002,bob,1.00,a",
        "SOUTH,1001,rob,1.00,a",
        "SOUTH,1001,bob,1.01,a",
        "SOUTH,1001,bob,1.00,b",
    ],
)
def test_a_line_that_differs_in_anything_has_another_key(other: str) -> None:
    payer = Payer("EAST", "EUR", 7)
    assert keys(other, payer=payer) != keys("SOUTH,1001,bob,1.00,a", payer=payer)


def test_another_run_or_another_payer_has_other_keys() -> None:
    line = "SOUTH,1001,bob,1.00,a"
    found = [
        keys(line),
        keys(line, run="june"),
        keys(line, payer=Payer("NORTH", "EUR", 1002)),
        keys(line, payer=Payer("EAST", "EUR", 1001)),
        keys(line, payer=Payer("NORTH", "USD", 1001)),
    ]
    assert len({key for (key,) in found}) == len(found)


def test_the_same_amount_written_otherwise_is_the_same_payment() -> None:
    assert keys("SOUTH,1001,bob,1.5,a") == keys("SOUTH,1001,bob,1.50,a") == keys("SOUTH,01001,bob,01.50,a")


LINES = st.lists(
    st.builds(
        "SOUTH,{},bob,{}.00,{}".format, st.integers(1, 3), st.integers(1, 3), st.sampled_from(["", "a", "ä", "a b"])
    ),
    max_size=20,
)


@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_change_what_is_paid(lines: list[str], chance: random.Random) -> None:
    shuffled = chance.sample(lines, len(lines))
    assert sorted(keys(*lines)) == sorted(keys(*shuffled))


@given(LINES, LINES)
def test_lines_that_are_added_leave_the_others_paid(lines: list[str], added: list[str]) -> None:
    assert set(keys(*lines)) <= set(keys(*lines, *added))
    assert len(set(keys(*lines, *added))) == len(lines) + len(added)


def test_each_attempt_is_the_same_payment_under_a_key_of_its_own() -> None:
    (line,) = parse("SOUTH,1001,bob,1.00,a," + "k" * 128, header=f"{HEADER},key")
    attempts = [line.attempt(count) for count in range(4)]
    assert attempts[0] == line.order
    assert len({order.idempotency_key for order in attempts}) == 4
    assert all(IDEMPOTENCY_KEY.fullmatch(order.idempotency_key) for order in attempts)
    assert {(order.minor_units, order.payee_name, order.reference) for order in attempts} == {(100, "bob", "a")}


def test_the_keys_of_released_files_never_change() -> None:
    assert keys("SOUTH,1001,bob,12.34,rent") == ["file-310afae261cd19de6a6861ad3f38b72233dda96a"], (
        "whoever runs an old file again must not pay again"
    )
