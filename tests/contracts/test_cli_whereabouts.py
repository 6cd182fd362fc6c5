"""Where is my money: status and watch, while a bank is silent, afterwards, and for orders that never arrived."""

import asyncio

import pytest

from interbank.instructions import InstructionKind
from tests.command_line import CommandLine, Line, Pair, is_watched, the_wire
from tests.world import World


@pytest.mark.slow
async def test_a_payment_in_doubt_is_told_in_full_and_exits_6(network: World, pair: Pair) -> None:
    await pair.line(*pair.order("0.01"))  # so that bob is known, and his bank need not be asked for him
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    paying = pair.line.begin(*pair.order("1.00", "--reference", "bread", "--idempotency-key", "bread"))
    await held.arrived.wait()
    doubtful = await _until(pair.line, ["status", "-o", "json"], lambda found: bool(found and found[0]["in_doubt"]))

    shown = await pair.line("status", doubtful[0]["transfer_id"][:6])
    held.release()

    assert shown.code == 6
    assert shown.out.startswith("IN DOUBT for ")
    for words in (
        "Your money   left your account at ",
        "; NORTH keeps it in clearing.",
        f"{pair.bob.username} may have it already, or not yet.",
        "Why          SOUTH does not answer",
        "How it ends  COMPLETED",
        "You          nothing to do. The same key again is safe; a new order is a second payment.",
        f"interbank watch {doubtful[0]['transfer_id'][:8]}",
    ):
        assert words in shown.out
    doubt = doubtful[0]["in_doubt"]
    assert set(doubt) == {"since", "waiting_for", "cause", "attempts", "next_action", "next_attempt_at"}
    assert (doubt["waiting_for"], doubt["next_action"]) == ("SOUTH", "Credit")
    assert (await paying).code == 0


async def test_when_nothing_is_under_way_status_says_so_and_exits_0(pair: Pair) -> None:
    ending = await pair.line("status")
    assert (ending.code, ending.out) == (0, "")
    assert ending.err == "nothing of yours is under way: every payment is final\n"
    assert (await pair.line("status", "-o", "json")).json == []


@pytest.mark.parametrize(("amount", "code", "words"), [("1", 0, "COMPLETED"), ("1000", 3, "REFUSED")])
async def test_status_and_watch_of_a_final_payment_exit_by_its_state(
    pair: Pair, amount: str, code: int, words: str
) -> None:
    paid = await pair.line(*pair.order(amount, "-o", "json"))
    name = paid.json["transfer_id"][:8]

    status = await pair.line("status", name.upper())
    watch = await pair.line("watch", name, "-o", "json")

    assert (status.code, watch.code) == (code, code)
    assert status.out.startswith(words)
    assert "What now" not in status.out
    assert watch.json["state"] == words


@pytest.mark.slow
async def test_watch_follows_a_payment_to_its_end_over_a_lost_connection(network: World, pair: Pair) -> None:
    async with Line(pair.line.gateway).open() as line:
        over_line = CommandLine(network, pair.line.profile, gateway=line.address)
        held = the_wire(network).hold_reply(InstructionKind.CREDIT)
        paying = pair.line.begin(*pair.order("1.00"))
        await held.arrived.wait()
        (unfinished,) = (await pair.line("transfers", "--unfinished", "-o", "json")).json
        watching = over_line.begin("watch", unfinished["transfer_id"][:8])
        await network.until(lambda: is_watched(network, unfinished["transfer_id"]))
        line.cut()
        held.release()
        ending = await watching

    assert ending.code == 0
    assert ending.out.splitlines()[-1].split()[1] == "COMPLETED"
    assert (await paying).code == 0


async def test_a_payment_of_somebody_else_does_not_exist(network: World, pair: Pair) -> None:
    paid = await pair.line(*pair.order("1.00", "-o", "json"))
    bob = await CommandLine(network, pair.bob.username).login(pair.bob)

    for command in ("status", "watch"):
        ending = await bob(command, paid.json["transfer_id"])
        unknown = await bob(command, "ffff")
        assert (ending.code, unknown.code) == (3, 3)
        assert "no transfer of yours begins with" in ending.err
        assert "TRANSFER_NOT_FOUND" in unknown.err


@pytest.mark.parametrize("start", ["zz", "abc", "g" * 8, "a" * 33])
async def test_what_cannot_begin_an_id_is_malformed(pair: Pair, start: str) -> None:
    ending = await pair.line("status", start)
    assert ending.code == 2
    assert "is not the start of a transfer id. TRANSFER_ID_MALFORMED" in ending.err


async def test_transfers_are_listed_newest_first_in_three_forms(pair: Pair) -> None:
    for amount in ("1.00", "2.00"):
        await pair.line(*pair.order(amount, "--reference", f"r{amount}"))

    rows = (await pair.line("transfers", "-o", "json")).json
    csv = (await pair.line("transfers", "-o", "csv")).out.splitlines()
    table = (await pair.line("payments")).out.splitlines()

    assert [row["amount"] for row in rows] == ["2.00", "1.00"]
    assert csv[0].startswith("accepted_at,transfer_id,state,amount,currency,")
    assert csv[1].split(",")[1] == rows[0]["transfer_id"]
    assert table[0].split() == ["WHEN", "TRANSFER", "STATE", "AMOUNT", "FROM", "TO", "REFERENCE", "REASON"]
    assert "2.00 EUR" in table[1]
    assert len((await pair.line("transfers", "--limit", "1", "-o", "json")).json) == 1


async def _until(line: CommandLine, words: list[str], holds: object) -> list[dict[str, object]]:
    """Run a command until what it prints fits."""
    while True:
        found = (await line(*words)).json
        if holds(found):  # type: ignore[operator]
            return list(found)
        await asyncio.sleep(0.05)
