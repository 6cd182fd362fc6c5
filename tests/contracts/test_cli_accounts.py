"""What you have and where; cash at the counter, which is booked once however often it is asked for."""

import pytest

from interbank.instructions import InstructionKind
from tests.command_line import CommandLine, Line, Pair, the_wire
from tests.world import World


async def test_a_balance_is_shown_to_people_with_digit_groups_and_to_programs_without(network: World) -> None:
    rich = await network.customer("rich", "NORTH", cents=1_234_567_50)
    line = await CommandLine(network, rich.username).login(rich)

    table = await line("balance")
    csv = await line("balance", "-o", "csv")
    json = await line("balance", "--bank", "NORTH", "-o", "json")

    account = rich.accounts["NORTH"]
    assert table.out.splitlines()[0].split() == ["BANK", "ACCOUNT", "BALANCE", "CURRENCY", "STATUS"]
    assert table.out.splitlines()[1].split() == ["NORTH", str(account), "1,234,567.50", "EUR", "OPEN"]
    assert csv.out == f"bank,account,balance,currency,status\nNORTH,{account},1234567.50,EUR,OPEN\n"
    assert json.json["balance"] == "1234567.50"


async def test_banks_are_listed_without_login(network: World) -> None:
    ending = await CommandLine(network, "nobody")("banks", "-o", "json")
    assert ending.code == 0
    assert [(bank["bank"], bank["currency"], bank["status"]) for bank in ending.json] == [
        ("NORTH", "EUR", "CONNECTED"),
        ("SOUTH", "EUR", "CONNECTED"),
    ]


async def test_a_statement_shows_each_movement_with_its_sign_and_the_balance_after_it(pair: Pair) -> None:
    await pair.line(*pair.order("12.34", "--reference", "rent"))

    rows = (await pair.line("statement", "-o", "json")).json
    table = (await pair.line("history")).out

    assert (rows[0]["amount"], rows[0]["balance"], rows[0]["reference"]) == ("-12.34", "87.66", "rent")
    assert (rows[0]["counterparty_bank"], rows[0]["counterparty_name"]) == ("SOUTH", pair.bob.username)
    assert rows[-1]["counterparty_account"] == "cash"
    assert "87.66 EUR" in table
    assert (await pair.line("statement", "--limit", "1", "-o", "json")).json == rows[:1]


async def test_cash_in_and_out_says_what_is_left(pair: Pair) -> None:
    account = pair.alice.accounts["NORTH"]
    deposited = await pair.line("deposit", "--bank", "NORTH", "--amount", "5")
    withdrawn = await pair.line("withdraw", "--amount", "25.50", "-o", "json")
    too_much = await pair.line("withdraw", "--amount", "500")

    assert deposited.out.startswith(f"deposited 5.00 EUR into NORTH {account}; balance 105.00 EUR after it (entry ")
    assert (withdrawn.json["amount"], withdrawn.json["balance"], withdrawn.json["replayed"]) == (
        "25.50",
        "79.50",
        False,
    )
    assert too_much.code == 3
    assert "INSUFFICIENT_FUNDS (AM04)" in too_much.err
    assert "Nothing moved." in too_much.err


async def test_a_deposit_under_a_key_is_booked_once(pair: Pair) -> None:
    for replayed in (False, True):
        ending = await pair.line("deposit", "--amount", "5", "--idempotency-key", "cash-1", "-o", "json")
        assert (ending.code, ending.json["replayed"]) == (0, replayed)
    other = await pair.line("deposit", "--amount", "6", "--idempotency-key", "cash-1")
    assert other.code == 3
    assert "IDEMPOTENCY_KEY_REUSED" in other.err
    assert await pair.alice.balance("NORTH") == 105_00


async def test_a_deposit_that_got_no_answer_is_taken_up_under_its_own_key(network: World, pair: Pair) -> None:
    nowhere = CommandLine(network, pair.line.profile, gateway="localhost:1")
    lost = await nowhere("deposit", "--amount", "5")
    (saved,) = pair.line.saved("open")
    ending = await pair.line("deposit", "--amount", "5")
    fresh = await pair.line("deposit", "--amount", "5")

    assert lost.code == 5
    assert lost.err.splitlines()[1].startswith("Not accepted, nothing moved, nothing will.")
    assert "asking under its key, so it is done once" in ending.err
    assert pair.line.saved("open") == []
    assert saved.name in [path.name for path in pair.line.saved("done")]
    assert "asking under its key" not in fresh.err
    assert await pair.alice.balance("NORTH") == 110_00


@pytest.mark.slow
async def test_a_connection_that_dies_under_a_deposit_leaves_it_unknown_and_saved(network: World, pair: Pair) -> None:
    async with Line(pair.line.gateway).open() as line:
        held = the_wire(network).hold_reply(InstructionKind.DEPOSIT)
        deposit = CommandLine(network, pair.line.profile, gateway=line.address).begin("deposit", "--amount", "5")
        await held.arrived.wait()
        line.cut()
        ending = await deposit
        held.release()

    assert ending.code == 6
    assert "It may have been booked, or not. The same command again asks, and cannot book it twice." in ending.err
    nowhere = await CommandLine(network, pair.line.profile, gateway="localhost:1")("deposit", "--amount", "5")
    assert "what became of the first time is not known" in nowhere.err
    assert "nothing moved" not in nowhere.err
    again = await pair.line("deposit", "--amount", "5")
    assert again.code == 0
    assert "nothing moved this time" in again.err
    assert await pair.alice.balance("NORTH") == 105_00


@pytest.mark.parametrize("amount", ["0", "-1", "1.001", "1e3", "", "NaN", "9" * 20])
async def test_an_amount_that_cannot_be_meant_is_never_sent(pair: Pair, amount: str) -> None:
    ending = await pair.line("deposit", f"--amount={amount}")
    assert ending.code == 2
    assert "Nothing was sent." in ending.err
    assert pair.line.saved() == []
