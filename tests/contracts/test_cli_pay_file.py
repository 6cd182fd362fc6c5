"""Paying every line of a file, each once: now or before, corrected, interrupted, refused, and on the bank's behalf."""

import csv
import io
import logging
from typing import Any

import pytest

from interbank.instructions import InstructionKind
from tests.command_line import CommandLine, Line, Pair, the_wire
from tests.world import World

HEADER = "to_bank,to_account,to_name,amount,reference"


def file_of(pair: Pair, *payments: str, header: str = HEADER, name: str = "salaries.csv") -> str:
    """A file of payments to bob, each given as `amount,reference`, or whole."""
    bob = f"SOUTH,{pair.bob.accounts['SOUTH']},{pair.bob.username}"
    lines = [line if line.count(",") > 2 else f"{bob},{line}" for line in payments]
    return str(pair.line.put(name, "\n".join([header, *lines, ""])))


def results_of(pair: Pair, name: str = "salaries") -> list[dict[str, Any]]:
    text = (pair.line.directory / f"{name}.results.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


async def test_every_line_is_paid_once_however_often_the_file_is(pair: Pair) -> None:
    file = file_of(pair, "1.00,a", "1.00,a", "2.00,b")

    first = await pair.line("pay-file", file, "--from", "NORTH", "-o", "json")
    again = await pair.line("pay-file", file, "--from", "NORTH")

    assert (first.code, again.code) == (0, 0)
    assert (first.json["completed"], first.json["completed_amount"]) == (3, "4.00")
    assert "Nothing to pay: all 3 lines were paid" in again.err
    assert "For a new month: --run" in again.err
    assert [row["state"] for row in results_of(pair)] == ["COMPLETED"] * 3
    assert await pair.balances() == (96_00, 4_00)


async def test_a_corrected_file_pays_what_is_new_and_a_new_run_pays_all_again(pair: Pair) -> None:
    wrong = f"SOUTH,{pair.bob.accounts['SOUTH']},bbo,5.00,c"
    refused = await pair.line("pay-file", file_of(pair, "1.00,a", wrong))
    corrected = await pair.line("pay-file", file_of(pair, "5.00,c", "1.00,a"))
    december = await pair.line("pay-file", file_of(pair, "5.00,c", "1.00,a"), "--run", "2026-12")

    assert (refused.code, corrected.code, december.code) == (3, 0, 0)
    assert (
        f'  line 3  SOUTH {pair.bob.accounts["SOUTH"]} "bbo"  5.00 EUR  refused PAYEE_NAME_MISMATCH (BE01)'
        in refused.out
    )
    assert "1 line was paid" in corrected.err
    assert "1 line is new, 5.00 EUR" in corrected.err
    assert await pair.balances() == (88_00, 12_00)


async def test_a_line_that_the_bank_refused_stays_so_until_it_is_wanted_anew(pair: Pair) -> None:
    file = file_of(pair, "1000,too much")
    first = await pair.line("pay-file", file)
    await pair.line("deposit", "--amount", "1000")
    again = await pair.line("pay-file", file)
    anew = await pair.line("pay-file", file, "--again-refused")
    after = await pair.line("pay-file", file, "--again-refused")

    assert [first.code, again.code, anew.code, after.code] == [3, 3, 0, 0]
    assert "refused INSUFFICIENT_FUNDS (AM04)" in again.out
    assert "Nothing to pay" in after.err
    assert await pair.balances() == (100_00, 1000_00)


async def test_a_key_of_the_file_pays_once_and_never_another_payment(pair: Pair) -> None:
    keyed = f"{HEADER},key"
    first = await pair.line("pay-file", file_of(pair, "1.00,a,k1", header=keyed))
    renamed = await pair.line("pay-file", file_of(pair, "1.00,a,k1", header=keyed, name="other.csv"))
    other = await pair.line("pay-file", file_of(pair, "2.00,a,k1", header=keyed))

    assert (first.code, renamed.code, other.code) == (0, 0, 3)
    assert "IDEMPOTENCY_KEY_REUSED" in other.out
    assert results_of(pair)[0]["key"] == "k1"
    assert await pair.balances() == (99_00, 1_00)


async def test_check_says_what_would_be_paid_and_pays_nothing(pair: Pair) -> None:
    ending = await pair.line("pay-file", file_of(pair, "1.00,a", "2.00,b"), "--check")
    assert ending.code == 0
    assert f'salaries.csv, run "salaries": 2 lines, 3.00 EUR, from NORTH {pair.alice.accounts["NORTH"]}' in ending.err
    assert "(100.00 EUR)" in ending.err
    assert not (pair.line.directory / "salaries.results.csv").exists()
    assert await pair.balances() == (100_00, 0)


async def test_one_bad_line_and_nothing_of_the_file_is_paid(pair: Pair) -> None:
    file = file_of(pair, "1.00,good", '"12,34",bad', "1.00,good", "0.001,bad", "12,34,bad")

    ending = await pair.line("pay-file", file)
    programs = await pair.line("pay-file", file, "-o", "json")

    assert (ending.code, programs.code) == (2, 2)
    assert ending.err.splitlines() == [
        'usage: salaries.csv line 3, column amount: "12,34" is not an amount; write 12.34 (2 more: lines 5, 6)',
        "  salaries.csv line 5, column amount: 0.001 has 3 decimals, EUR has 2; example: 12.34",
        "  salaries.csv line 6: 6 values, and the header has 5 columns",
        "Nothing of this file was paid.",
        f"interbank pay-file {file} --from NORTH --check",
    ]
    assert [(fault["line"], fault["column"]) for fault in programs.error["faults"]] == [
        (3, "amount"),
        (5, "amount"),
        (6, ""),
    ]
    checked = await pair.line("pay-file", file, "--check")
    assert (checked.code, checked.err.splitlines()[:-1]) == (2, ending.err.splitlines()[:-1])
    assert checked.err.splitlines()[-1] == "Correct these lines, then the same command again."
    assert await pair.balances() == (100_00, 0)


async def test_a_bank_that_is_away_makes_it_exit_5_and_later_all_is_paid_once(network: World, pair: Pair) -> None:
    file = file_of(pair, "1.00,a", "2.00,b")
    the_wire(network).cut("SOUTH")
    away = await pair.line("pay-file", file, "--wait", "0")
    the_wire(network).mend("SOUTH")
    await network.connected("SOUTH")
    later = await pair.line("pay-file", file)

    assert (away.code, later.code) == (5, 0)
    assert "2 not accepted 3.00 EUR" in away.out
    assert {row["state"] for row in results_of(pair)} == {"COMPLETED"}
    assert "The same command again goes on from here; nothing is paid twice." in away.err
    assert await pair.balances() == (97_00, 3_00)


async def test_a_line_that_is_not_accepted_now_is_sent_again_in_the_same_run(network: World, pair: Pair) -> None:
    file = file_of(pair, "1.00,a", "2.00,b")
    the_wire(network).cut("SOUTH")
    paying = pair.line.begin("pay-file", file, "-o", "json")
    not_now = f"not accepted PAYEE_BANK_UNAVAILABLE  user:{pair.alice.username} "
    await network.until(lambda: not_now in network.log.getvalue())
    the_wire(network).mend("SOUTH")
    ending = await paying

    assert (ending.code, ending.json["completed"]) == (0, 2), ending.err
    assert await pair.balances() == (97_00, 3_00)


async def test_a_gateway_that_takes_no_stream_now_is_asked_again_in_the_same_run(
    network: World, pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "interbank.rpc.interceptor")
    with monkeypatch.context() as full:
        full.setattr("gateway_service.servicers.streaming.MAX_STREAMS", 0)
        paying = pair.line.begin("pay-file", file_of(pair, "1.00,a"), "-o", "json")
        await network.until(lambda: ended_with("GATEWAY_OVERLOADED", caplog))
    ending = await paying

    assert (ending.code, ending.json["completed"]) == (0, 1), ending.err
    assert await pair.balances() == (99_00, 1_00)


async def test_a_line_that_is_answered_before_its_end_is_asked_for_until_then(
    network: World, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "interbank.rpc.interceptor")
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    paying = pair.line.begin("pay-file", file_of(pair, "1.00,a"), "-o", "json", "--wait", "30s")
    await network.until(lambda: ended_with("OK", caplog))
    held.release()
    ending = await paying

    assert (ending.code, ending.json["completed"]) == (0, 1), ending.err


def ended_with(answer: str, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether a stream of orders has ended so."""
    lines = [record.getMessage() for record in caplog.records]
    return any(line.startswith("StreamTransfers ") and f"  {answer}  " in line for line in lines)


@pytest.mark.slow
async def test_lines_that_are_on_their_way_make_it_exit_6_and_are_patient(network: World, pair: Pair) -> None:
    file = file_of(pair, "1.00,a", "2.00,b")
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    waiting = await pair.line("pay-file", file, "--wait", "1s", "-o", "json")
    held.release()
    later = await pair.line("pay-file", file)

    assert (waiting.code, later.code) == (6, 0)
    assert (waiting.json["on_their_way"], waiting.json["on_their_way_amount"]) == (2, "3.00")
    assert await pair.balances() == (97_00, 3_00)


@pytest.mark.slow
async def test_a_connection_that_dies_under_a_file_is_taken_up_again_and_pays_once(network: World, pair: Pair) -> None:
    file = file_of(pair, *(f"0.0{cent},n{number}" for number in range(20) for cent in range(1, 3)))
    async with Line(pair.line.gateway).open() as line:
        held = the_wire(network).hold_reply(InstructionKind.CREDIT)
        paying = CommandLine(network, pair.line.profile, gateway=line.address).begin("pay-file", file, "-o", "json")
        await held.arrived.wait()
        line.cut()
        held.release()
        ending = await paying

    assert ending.code == 0, ending.err
    assert ending.json["completed"] == 40
    assert await pair.balances() == (99_40, 60)


@pytest.mark.slow
async def test_more_lines_than_one_request_takes_are_all_paid(pair: Pair) -> None:
    file = file_of(pair, *(f"0.01,line {number}" for number in range(2_500)))
    ending = await pair.line("pay-file", file, "-o", "json")
    again = await pair.line("pay-file", file, "-o", "json")

    assert (ending.code, again.code) == (0, 0)
    assert (ending.json["completed"], again.json["completed"]) == (2_500, 2_500)
    assert await pair.balances() == (75_00, 25_00)


async def test_a_bank_pays_its_standing_orders_from_the_accounts_that_the_lines_name(
    network: World, pair: Pair
) -> None:
    admin = await CommandLine(network, "admin").login("admin", password="1234")
    alice, nobody = pair.alice.accounts["NORTH"], 987_654
    bob = f"SOUTH,{pair.bob.accounts['SOUTH']},{pair.bob.username}"
    lines = [f"from_account,{HEADER}", f"{alice},{bob},1.00,a", f"{nobody},{bob},1.00,a", ""]
    file = str(admin.put("standing.csv", "\n".join(lines)))

    first = await admin("admin", "pay-file", file, "--bank", "NORTH", "-o", "json")
    again = await admin("admin", "pay-file", file, "--bank", "NORTH")
    by_customer = await pair.line("admin", "pay-file", file, "--bank", "NORTH")

    assert (first.code, again.code, by_customer.code) == (3, 3, 4)
    assert (first.json["completed"], first.json["refused"]) == (1, 1)
    assert "refused ACCOUNT_NOT_FOUND (AC01)" in again.out
    assert await pair.balances() == (99_00, 1_00)


async def test_an_empty_file_is_malformed_and_one_without_lines_pays_nothing(pair: Pair) -> None:
    empty = await pair.line("pay-file", str(pair.line.put("empty.csv", "")))
    bare = await pair.line("pay-file", file_of(pair))
    assert (empty.code, bare.code) == (2, 0)
    assert "the file is empty" in empty.err
    assert "Nothing to pay" in bare.err


async def test_what_may_have_been_paid_is_not_called_not_accepted(network: World, pair: Pair) -> None:
    """First the bank was away, and the gateway said so; then the order was paid, and the answer lost."""
    file = file_of(pair, "1.00,a")
    the_wire(network).cut("SOUTH")
    async with Line(pair.line.gateway).open() as line:
        command = CommandLine(network, pair.line.profile, gateway=line.address)
        paying = command.begin("pay-file", file, "-o", "json", "--wait", "3s")
        not_now = f"not accepted PAYEE_BANK_UNAVAILABLE  user:{pair.alice.username} "
        await network.until(lambda: not_now in network.log.getvalue())
        held = the_wire(network).hold_reply(InstructionKind.CREDIT)
        the_wire(network).mend("SOUTH")
        await held.arrived.wait()
        line.cut()
        held.release()
    ending = await paying
    await network.quiet()
    assert ending.code == 6
    assert results_of(pair)[0]["state"] == "SENT"
    assert await pair.balances() == (99_00, 1_00)
