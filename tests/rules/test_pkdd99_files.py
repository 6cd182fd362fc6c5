"""The example's data are what its README says, and nothing is lost on the way into our files."""

import csv
import io
from pathlib import Path

from examples.pkdd99.convert import accounts_file, banks, expected_totals, payments_file, read_orders
from interbank.money import Money, parse_decimal

DATA = Path(__file__).parents[2] / "examples" / "pkdd99"
ORDERS = read_orders((DATA / "order.csv").read_text())


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_file_holds_the_orders_that_its_readme_counts() -> None:
    assert len(ORDERS) == 6471
    assert sum(order.amount.minor_units for order in ORDERS) == 21_228_993_60
    assert max(order.amount.minor_units for order in ORDERS) == 14_882_00


def test_each_banks_orders_sum_to_what_the_readme_says_must_arrive() -> None:
    arriving: dict[str, int] = {}
    for order in ORDERS:
        arriving[order.payee_bank] = arriving.get(order.payee_bank, 0) + order.amount.minor_units

    assert {bank: Money(cents, "CZK") for bank, cents in arriving.items()} == expected_totals(
        (DATA / "README.md").read_text()
    )


def test_every_payer_gets_the_sum_of_his_orders_and_every_payee_nothing() -> None:
    payers = rows(accounts_file("PRAHA", ORDERS))
    payees = [row for bank in banks(ORDERS)[1:] for row in rows(accounts_file(bank, ORDERS))]

    assert (len(payers), len(payees)) == (3758, 6446)
    assert sum(parse_decimal(row["deposit"], "CZK").minor_units for row in payers) == 21_228_993_60
    assert max(parse_decimal(row["deposit"], "CZK").minor_units for row in payers) == 22_704_30
    assert {row["deposit"] for row in payees} == {"0.00"}
    assert payers[0]["username"] == "praha-1"
    assert "yz-87144583" in {row["username"] for row in payees}


def test_a_blank_purpose_is_an_empty_reference() -> None:
    references = {row["reference"] for row in rows(payments_file(ORDERS))}

    assert references == {"", "SIPO", "UVER", "POJISTNE", "LEASING"}
