"""Files of accounts to open."""

import pytest

from clients.account_files import parse_accounts
from clients.csv_files import MalformedFile
from clients.sdk.records import NewAccount

HEADER = "account,username,deposit\n"


def test_a_line_is_an_account_without_password() -> None:
    content = f"{HEADER}1,carol,10.00\n7,dave,0\n".encode()
    assert parse_accounts(content, "EUR") == [NewAccount("carol", 1, 1000), NewAccount("dave", 7, 0)]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("0,carol,1.00", "account"),
        (",carol,1.00", "account"),
        ("-5,carol,1.00", "account"),
        ("one,carol,1.00", "account"),
        ("1,Carol,1.00", "username"),
        ("1,c,1.00", "username"),
        ("1,carol,", "deposit"),
        ("1,carol,-1.00", "deposit"),
        ("1,carol,1.001", "deposit"),
        ("1,carol,99999999999999.00", "deposit"),
        ("9,carol,1.00", "account"),
        ("09,carol,1.00", "account"),
        ("1,erin,1.00", "username"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_by_line_and_column(line: str, column: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        parse_accounts(f"{HEADER}9,erin,1.00\n{line}\n".encode(), "EUR")
    assert [(fault.line, fault.column) for fault in caught.value.faults] == [(3, column)]


def test_the_banks_currency_says_how_many_decimals_a_deposit_has() -> None:
    assert parse_accounts(f"{HEADER}1,carol,1000\n".encode(), "JPY") == [NewAccount("carol", 1, 1000)]
    with pytest.raises(MalformedFile):
        parse_accounts(f"{HEADER}1,carol,1000.5\n".encode(), "JPY")
