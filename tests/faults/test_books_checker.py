"""The checker that every fault ends with must see what it is there to see: each wrong edit of the files is named."""

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest

from interbank.storage.sqlite import driver
from tests import books
from tests.faults.conftest import hurt_network
from tests.world import an_order


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files at rest, with payments of several kinds in them."""
    path = tmp_path_factory.mktemp("network")
    async with hurt_network(path) as world:
        alice = await world.customer("alice", "NORTH", cents=10_00)
        carol = await world.customer("carol", "NORTH")
        bob = await world.customer("bob", "SOUTH")
        payer = alice.at("NORTH")
        await asyncio.gather(
            alice.submit([an_order(payer, bob.named_at("SOUTH"), 1_00, "across")], wait_seconds=10),
            alice.submit([an_order(payer, carol.named_at("NORTH"), 2_00, "within")], wait_seconds=10),
            alice.submit([an_order(payer, bob.named_at("SOUTH"), 99_00, "refused")], wait_seconds=10),
        )
        await world.quiet()
    return path


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(home, tmp_path / "copy"))


def edit(database: Path, *statements: str) -> None:
    """The hands of somebody who has the file."""
    with contextlib.closing(driver().connect(database)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for statement in (*(f"DROP TRIGGER {name}" for name in names), *statements):
            connection.execute(statement)
        connection.commit()


def test_right_books_are_found_right(copy: Path) -> None:
    books.check(copy)


ACROSS = "(SELECT transfer_id FROM outcomes WHERE idempotency_key = 'across')"


@pytest.mark.parametrize(
    ("file", "statements", "finding"),
    [
        ("NORTH", ["UPDATE accounts SET balance = balance + 1 WHERE account = 1001"], "all accounts together"),
        ("NORTH", ["UPDATE entries SET amount = 999 WHERE entry_id = 2"], "has not exactly the movements"),
        ("NORTH", ["UPDATE entries SET debit_balance_after = 7 WHERE entry_id = 2"], "entry 2 leaves"),
        (
            "SOUTH",
            [f"DELETE FROM entries WHERE transfer_id = {ACROSS}", "UPDATE accounts SET balance = 0"],
            "has not exactly the movements",
        ),
        ("SOUTH", [f"DELETE FROM outcomes WHERE transfer_id = {ACROSS}"], "moved money without an outcome"),
        ("NORTH", [f"DELETE FROM conclusions WHERE transfer_id = {ACROSS}"], "the list of open debits"),
        ("SOUTH", ["UPDATE outcomes SET amount = 101 WHERE idempotency_key = 'across'"], "different orders"),
        ("gateway", ["UPDATE transfers SET amount = 5 WHERE idempotency_key = 'within'"], "holds another order"),
        ("gateway", ["DELETE FROM transfers WHERE idempotency_key = 'across'"], "the journal has no such transfer"),
        (
            "gateway",
            ["UPDATE transfers SET state = 'REFUSED', credit_outcome = NULL WHERE idempotency_key = 'across'"],
            "the banks say 'SETTLED' and 'CREDITED'",
        ),
        (
            "gateway",
            ["UPDATE transfers SET state = 'ACCEPTED', finished_at = NULL WHERE idempotency_key = 'across'"],
            "is not final",
        ),
    ],
)
def test_a_wrong_edit_is_named(copy: Path, file: str, statements: list[str], finding: str) -> None:
    edit(copy / "gateway" / "gateway.db" if file == "gateway" else copy / "banks" / file / "bank.db", *statements)
    with pytest.raises(AssertionError, match=finding):
        books.check(copy)


def test_money_that_was_credited_twice_is_found(copy: Path) -> None:
    """A second credit with all its entries right in themselves: the clearing accounts give it away."""
    edit(
        copy / "banks" / "SOUTH" / "bank.db",
        "INSERT INTO entries SELECT 2, 1, transfer_id, debit_account, "
        "credit_account, amount, debit_balance_after - amount, credit_balance_after + amount FROM entries "
        "WHERE entry_id = 1",
        "UPDATE accounts SET balance = balance - 100 WHERE account = -2",
        "UPDATE accounts SET balance = balance + 100 WHERE account = 1001",
    )
    with pytest.raises(
        AssertionError, match=r"has not exactly the movements[\s\S]*the clearing accounts hold -100 EUR"
    ):
        books.check(copy)
