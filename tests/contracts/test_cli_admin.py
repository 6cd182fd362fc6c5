"""The operator's acts, and that nobody else may do them."""

import asyncio
import dataclasses

import pytest

from interbank.instructions import InstructionKind, OutcomeKind
from tests.command_line import CommandLine, Ending, Pair, the_wire
from tests.world import PASSWORD, World


@pytest.fixture
async def admin(network: World) -> CommandLine:
    return await CommandLine(network, "admin").login("admin", password="1234")


async def test_an_account_is_opened_and_its_owner_told_how_to_register(admin: CommandLine) -> None:
    words = ["admin", "open-account", "--bank", "NORTH", "--username", "opened", "--deposit", "3.5"]
    ending = await admin(*words, "--password-file", "-", stdin=PASSWORD)

    assert ending.code == 0, ending.err
    account = ending.out.split()[2]
    assert ending.out == f"opened NORTH {account} for opened with 3.50 EUR\n"
    assert ending.err == f"opened: interbank register --username opened --bank NORTH --account {account}\n"


async def test_an_account_without_password_is_not_opened(admin: CommandLine) -> None:
    words = ["admin", "open-account", "--bank", "NORTH", "--username", "nopass"]
    assert (await admin(*words)).code == 2
    short = await admin(*words, "--password-file", "-", stdin="short")
    assert short.code == 2
    assert "PASSWORD_TOO_SHORT" in short.err


async def test_a_file_of_accounts_is_opened_all_or_none_and_again_changes_nothing(admin: CommandLine) -> None:
    good = admin.put("members.csv", "account,username,deposit\n901,member1,10.00\n902,member2,0.00\n")
    clash = admin.put("clash.csv", "account,username,deposit\n903,member3,1.00\n901,someone-else,1.00\n")

    first = await admin("admin", "open-accounts", str(good), "--bank", "NORTH", "-o", "json")
    again = await admin("admin", "open-accounts", str(good), "--bank", "NORTH", "-o", "json")
    refused = await admin("admin", "open-accounts", str(clash), "--bank", "NORTH")
    accounts = (await admin("admin", "accounts", "--bank", "NORTH", "-o", "json")).json

    assert (first.json["opened"], first.json["existing"]) == (2, 0)
    assert (again.json["opened"], again.json["existing"]) == (0, 2)
    assert refused.code == 3
    by_account = {row["account"]: row for row in accounts}
    assert by_account["901"]["balance"] == "10.00"
    assert "903" not in by_account
    assert by_account["cash"]["balance"].startswith("-")


async def test_a_large_file_of_accounts_goes_in_messages_that_the_gateway_takes(admin: CommandLine) -> None:
    lines = "\n".join(f"{number},bulk{number},0.01" for number in range(10_000, 15_000))
    file = admin.put("many.csv", f"account,username,deposit\n{lines}\n")
    ending = await admin("admin", "open-accounts", str(file), "--bank", "SOUTH")
    assert (ending.code, ending.out) == (0, "SOUTH: 5,000 accounts opened, 0 existed already\n")


async def test_every_bad_line_of_a_file_of_accounts_is_named(admin: CommandLine) -> None:
    file = admin.put("bad.csv", "account,username,deposit\n0,UPPER,1.00\n7,dave,-1\n7,dave,1.234\n")
    ending = await admin("admin", "open-accounts", str(file), "--bank", "NORTH")
    assert ending.code == 2
    for words in (
        "line 2, column account",
        "line 2, column username",
        "line 3, column deposit",
        "stands on line 3 too",
    ):
        assert words in ending.err
    assert "Nothing of this file was opened." in ending.err


async def test_frozen_unfrozen_closed(admin: CommandLine, pair: Pair) -> None:
    at = ["--bank", "SOUTH", "--account", str(pair.bob.accounts["SOUTH"])]

    assert "is FROZEN" in (await admin("admin", "freeze", *at)).out
    frozen = await pair.line(*pair.order("1.00"))
    assert "is OPEN" in (await admin("admin", "unfreeze", *at)).out
    paid = await pair.line(*pair.order("1.00"))
    assert (await admin("admin", "close-account", *at)).code == 3
    assert (await admin("admin", "withdraw", *at, "--amount", "1.00")).code == 0
    closed = await admin("admin", "close-account", *at, "-o", "json")

    assert frozen.code == 3
    assert "PAYEE_ACCOUNT_FROZEN" in frozen.err
    assert paid.code == 0
    assert closed.json["status"] == "CLOSED"


async def test_money_is_added_once_under_a_key(admin: CommandLine, pair: Pair) -> None:
    at = ["--bank", "SOUTH", "--account", str(pair.bob.accounts["SOUTH"]), "--amount", "2.50"]
    for _ in range(2):
        assert (await admin("admin", "add-money", *at, "--idempotency-key", f"k-{pair.bob.username}")).code == 0
    assert await pair.bob.balance("SOUTH") == 2_50


async def test_a_password_is_set_for_a_customer(admin: CommandLine, network: World, pair: Pair) -> None:
    at = ["--bank", "NORTH", "--account", str(pair.alice.accounts["NORTH"])]
    new = "set by the operator for her"
    assert (await admin("admin", "set-password", *at, "--password-file", "-", stdin=new)).code == 0
    await CommandLine(network, "anywhere").login(pair.alice, password=new)


async def test_the_operator_sees_the_payments_of_all(admin: CommandLine, pair: Pair) -> None:
    paid = await pair.line(*pair.order("1.00", "-o", "json"))
    rows = (await admin("admin", "transfers", "--limit", "1", "-o", "json")).json
    assert rows[0]["transfer_id"] == paid.json["transfer_id"]
    assert rows[0]["principal"] == f"user:{pair.alice.username}"
    assert (await admin("admin", "transfers", "--in-doubt", "-o", "json")).json == []


async def suspended_payment(admin: CommandLine, network: World, pair: Pair) -> tuple[str, asyncio.Task[Ending]]:
    """A payment of alice's whose credit SOUTH booked and answered with what no honest bank says: its id, and the
    command that waits for its end."""
    the_wire(network).alter(InstructionKind.CREDIT, lambda said: dataclasses.replace(said, kind=OutcomeKind.SETTLED))
    sent = pair.line.begin(*pair.order("1.00"))

    async def found() -> str:
        rows = (await admin("admin", "transfers", "--in-doubt", "-o", "json")).json
        return next((row["transfer_id"] for row in rows if row["suspended"]), "")

    transfer_id = await network.until(found)
    return str(transfer_id), sent


async def test_a_suspended_payment_goes_on_when_the_operator_says_so(
    admin: CommandLine, network: World, pair: Pair
) -> None:
    transfer_id, sent = await suspended_payment(admin, network, pair)
    short = transfer_id[:8]
    listed = await admin("admin", "transfers", "--in-doubt")
    told = await pair.line("status", short)
    refused = await pair.line("admin", "resume", short)

    resumed = await admin("admin", "resume", short)
    end = await pair.line("watch", short)
    again = await admin("admin", "resume", short, "-o", "json")

    assert "DEBITED, suspended" in listed.out
    assert listed.err == f"{short} is suspended: docs/operate.md, A payment is suspended\n"
    assert told.code == 6
    assert f"interbank admin resume {short}" in told.out
    assert (refused.code, "NOT_ALLOWED" in refused.err) == (4, True)
    assert (resumed.code, transfer_id in resumed.out) == (0, True)
    assert (end.code, (await sent).code) == (0, 0)
    assert again.json["state"] == "COMPLETED"
    assert again.err == "it was not suspended; nothing was changed\n"
    assert await pair.balances() == (99_00, 1_00)


async def test_a_payment_that_nobody_knows_is_not_resumed(admin: CommandLine) -> None:
    ending = await admin("admin", "resume", "00000000")
    assert (ending.code, "TRANSFER_NOT_FOUND" in ending.err) == (3, True)


async def test_a_customer_may_do_none_of_it(pair: Pair) -> None:
    at = ["--bank", "SOUTH", "--account", str(pair.bob.accounts["SOUTH"])]
    for words in (
        ["add-money", *at, "--amount", "1.00"],
        ["freeze", *at],
        ["accounts", "--bank", "SOUTH"],
        ["transfers"],
    ):
        ending = await pair.line("admin", *words)
        assert ending.code == 4, words
        assert "NOT_ALLOWED" in ending.err
        assert "interbank login --username admin" in ending.err
