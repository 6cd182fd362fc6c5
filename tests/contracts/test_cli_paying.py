"""Paying from the command line: what is printed, what is kept, how it ends; and that nothing is paid twice."""

import pytest

from interbank.instructions import InstructionKind
from tests.command_line import CommandLine, Line, Pair, the_wire
from tests.world import World


async def test_a_payment_prints_its_id_state_amount_and_the_balance_after_it(pair: Pair) -> None:
    ending = await pair.line(*pair.order("12.34", "--reference", "rent"))

    assert ending.code == 0, ending.err
    assert ending.out.startswith("COMPLETED    12.34 EUR    NORTH ")
    assert f'→ SOUTH {pair.bob.accounts["SOUTH"]} {pair.bob.username}   "rent"' in ending.out
    assert "87.66 EUR left in NORTH" in ending.out
    assert await pair.balances() == (87_66, 12_34)


async def test_programs_get_the_whole_transfer_as_one_object(pair: Pair) -> None:
    ending = await pair.line(*pair.order("0.50", "-o", "json", "--idempotency-key", "tea"))

    assert ending.code == 0
    paid = ending.json
    assert len(paid["transfer_id"]) == 32
    assert (paid["state"], paid["final"], paid["amount"], paid["currency"]) == ("COMPLETED", True, "0.50", "EUR")
    assert (paid["balance"], paid["idempotency_key"], paid["in_doubt"]) == ("99.50", "tea", None)
    assert paid["payee_account"] == str(pair.bob.accounts["SOUTH"])
    assert paid["accepted_at"].endswith("Z")


async def test_pay_and_send_are_other_names_of_transfer(pair: Pair) -> None:
    for name in ("pay", "send"):
        ending = await pair.line(name, *pair.order("1.00")[1:])
        assert ending.code == 0, ending.err
    assert await pair.balances() == (98_00, 2_00)


async def test_a_payment_that_the_bank_refuses_says_why_and_that_nothing_moved(pair: Pair) -> None:
    ending = await pair.line(*pair.order("1000"))

    assert ending.code == 3
    first, second = ending.err.splitlines()
    account = pair.alice.accounts["NORTH"]
    assert first == f"refused: 1000.00 EUR is more than the 100.00 EUR in NORTH {account}. INSUFFICIENT_FUNDS (AM04)"
    assert second == "Nothing moved. After a deposit, pay again."


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"--to-name": "mallory"}, 3, 'is not in the name of "mallory". PAYEE_NAME_MISMATCH (BE01), field to_name'),
        ({"--to-bank": "SOTUH"}, 3, "no bank SOTUH in this network. Did you mean SOUTH? UNKNOWN_BANK (RC01)"),
        ({"--to-bank": "south"}, 2, 'usage: --to-bank "south" is not a bank id. BANK_ID_MALFORMED'),
        ({"--to-account": "99"}, 3, "SOUTH has no account 99. PAYEE_ACCOUNT_NOT_FOUND (AC03), field to_account"),
        ({"--amount": "0.001"}, 2, "usage: --amount 0.001 has 3 decimals, EUR has 2. AMOUNT_TOO_PRECISE"),
        ({"--amount": "12,34"}, 2, 'usage: --amount "12,34" is not an amount. AMOUNT_MALFORMED'),
        ({"--amount": "0"}, 2, "AMOUNT_NOT_POSITIVE"),
        ({"--from": "SOUTH"}, 3, "has no registered account at SOUTH. ACCOUNT_NOT_FOUND"),
        ({"--reference": "x" * 141}, 2, "the reference has 141 characters. REFERENCE_MALFORMED"),
    ],
)
async def test_an_order_that_cannot_pass_moves_nothing_and_keeps_nothing(
    pair: Pair, change: dict[str, str], code: int, words: str
) -> None:
    order = dict(zip(*[iter(pair.order("1.00")[1:])] * 2, strict=True)) | change

    ending = await pair.line("transfer", *(word for flag in order.items() for word in flag))

    assert ending.code == code
    assert words in ending.err
    assert "Nothing" in ending.err.splitlines()[1]
    assert await pair.balances() == (100_00, 0)
    assert pair.line.saved() == []


async def test_an_error_for_programs_is_one_object_on_stderr(pair: Pair) -> None:
    ending = await pair.line(*pair.order("1.00", "-o", "json")[:-4], "--amount", "0.001", "-o", "json")

    assert ending.code == 2
    assert ending.out == ""
    assert ending.error["reason"] == "AMOUNT_TOO_PRECISE"
    assert ending.error["field"] == "amount"
    assert ending.error["moved"] is False
    assert set(ending.error) >= {"message", "hint", "transfer_id", "idempotency_key", "request_id"}


async def test_a_key_pays_once_and_for_another_order_names_the_first(pair: Pair) -> None:
    first = await pair.line(*pair.order("1.00", "--idempotency-key", "rent-5"))
    again = await pair.line(*pair.order("1.00", "--idempotency-key", "rent-5", "-o", "json"))
    other = await pair.line(*pair.order("1.01", "--idempotency-key", "rent-5"))

    assert (first.code, again.code, other.code) == (0, 0, 3)
    assert again.json["state"] == "COMPLETED"
    assert "key rent-5 belongs to another order of yours" in other.err
    assert "this one differs in amount. IDEMPOTENCY_KEY_REUSED (AM05)" in other.err
    assert other.err.splitlines()[-1] == f"interbank status {again.json['transfer_id'][:8]}"
    assert await pair.balances() == (99_00, 1_00)


@pytest.mark.slow
async def test_the_order_is_on_the_disk_before_it_is_sent(network: World, pair: Pair) -> None:
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    paying = pair.line.begin(*pair.order("1.00"))
    await held.arrived.wait()

    (saved,) = pair.line.saved("open")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert '"state": "SENT"' in saved.read_text()

    held.release()
    assert (await paying).code == 0
    assert pair.line.saved("open") == []


@pytest.mark.slow
async def test_a_lost_connection_after_sending_is_unknown_and_retry_pays_once(network: World, pair: Pair) -> None:
    async with Line(pair.line.gateway).open() as line:
        over_line = CommandLine(network, pair.line.profile, gateway=line.address)
        held = the_wire(network).hold_reply(InstructionKind.CREDIT)
        paying = over_line.begin(*pair.order("5.00"))
        await held.arrived.wait()
        line.cut()
        lost = await paying
        held.release()

    assert lost.code == 6
    assert "It may be paid, or not. Do not pay anew" in lost.err
    retry = lost.err.splitlines()[-1].split()
    assert retry[:2] == ["interbank", "retry"]
    ending = await pair.line(*retry[1:])
    assert ending.code == 0, ending.err
    assert await pair.balances() == (95_00, 5_00)


@pytest.mark.slow
async def test_the_same_payment_again_stops_while_its_end_was_not_told(network: World, pair: Pair) -> None:
    async with Line(pair.line.gateway).open() as line:
        over_line = CommandLine(network, pair.line.profile, gateway=line.address)
        held = the_wire(network).hold_reply(InstructionKind.CREDIT)
        paying = over_line.begin(*pair.order("5.00", "--reference", "bread"))
        await held.arrived.wait()
        line.cut()
        await paying

    under_way = await pair.line(*pair.order("5.00", "--reference", "bread"))
    held.release()
    await network.quiet()
    completed = await pair.line(*pair.order("5.00", "--reference", "bread"))
    told = await pair.line(*pair.order("5.00", "--reference", "bread"))

    assert (under_way.code, completed.code, told.code) == (6, 6, 0)
    assert "and it is not finished. PROBABLE_REPEAT" in under_way.err
    assert "or --again for a second payment" in under_way.err
    assert "and it is COMPLETED, which did not reach you. PROBABLE_REPEAT" in completed.err
    assert await pair.balances() == (90_00, 10_00)


@pytest.mark.slow
async def test_again_pays_a_second_time_on_purpose(network: World, pair: Pair) -> None:
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    first = pair.line.begin(*pair.order("5.00"))
    await held.arrived.wait()
    stopped = await pair.line(*pair.order("5.00", "-o", "json"))
    second = pair.line.begin(*pair.order("5.00", "--again"))
    held.release()

    assert stopped.error["reason"] == "PROBABLE_REPEAT"
    assert [(await first).code, stopped.code, (await second).code] == [0, 6, 0]
    assert await pair.balances() == (90_00, 10_00)


async def test_no_gateway_means_nothing_moved_and_the_same_command_later_pays_once(pair: Pair, network: World) -> None:
    nowhere = CommandLine(network, pair.line.profile, gateway="localhost:1")
    first = await nowhere(*pair.order("2.00"))
    second = await nowhere(*pair.order("2.00"))

    assert (first.code, second.code) == (5, 5)
    assert "(connection refused) before the order was sent. GATEWAY_UNREACHABLE" in first.err
    assert "Order and key are saved; to send exactly this one:" in first.err
    assert second.err.splitlines()[-1] == first.err.splitlines()[-1], "one payment, one key"

    status = await pair.line("status")
    assert "is saved here and was not accepted" in status.err
    assert (await pair.line(*pair.order("2.00"))).code == 0
    assert (await pair.line(*first.err.splitlines()[-1].split()[1:])).code == 0
    assert await pair.balances() == (98_00, 2_00)


async def test_an_order_kept_over_the_end_of_a_session_is_taken_up_after_login(network: World, pair: Pair) -> None:
    sessions = await pair.line("sessions", "-o", "json")
    await pair.alice.login(pair.alice.username, bank="NORTH")
    elsewhere = await CommandLine(network, f"{pair.line.profile}-elsewhere").login(pair.alice)
    ended = next(one["session_id"] for one in sessions.json if one["current"])
    assert (await elsewhere("sessions", "--revoke", ended)).code == 0

    logged_out = await pair.line(*pair.order("2.00"))
    assert logged_out.code == 4
    assert logged_out.err.splitlines()[-1] == f"interbank login --username {pair.alice.username}"

    await pair.line.login(pair.alice)
    assert (await pair.line(*pair.order("2.00"))).code == 0
    assert await pair.balances() == (98_00, 2_00)


async def test_an_order_that_was_not_accepted_is_known_and_can_be_dropped(network: World, pair: Pair) -> None:
    nowhere = CommandLine(network, pair.line.profile, gateway="localhost:1")
    refused = await nowhere(*pair.order("2.00"))
    name = refused.err.splitlines()[-1].split()[-1]

    status, watched = await pair.line("status", name), await pair.line("watch", name)
    assert (refused.code, status.code, watched.code) == (5, 5, 5)
    assert status.err == watched.err
    assert "is saved here and was not accepted" in status.err
    assert status.err.splitlines()[-1] == f"interbank retry {name}, or interbank retry {name} --drop"

    dropped = await pair.line("retry", name, "--drop")
    assert dropped.code == 0
    assert pair.line.saved() == []
    assert (await pair.line("status", name)).code == 3
    assert await pair.balances() == (100_00, 0)


async def test_an_order_that_was_sent_cannot_be_dropped(network: World, pair: Pair) -> None:
    held = the_wire(network).hold_reply(InstructionKind.DEBIT)
    paying = pair.line.begin(*pair.order("2.00"))
    await held.arrived.wait()
    (saved,) = pair.line.saved("open")

    kept = await pair.line("retry", saved.stem[:8], "--drop")

    assert kept.code == 6
    assert kept.err.splitlines()[-1] == f"interbank retry {saved.stem[:8]}"
    assert pair.line.saved("open") == [saved]
    held.release()
    assert (await paying).code == 0


@pytest.mark.parametrize("amount", ["1000", "1"])
async def test_whatever_the_gateway_says_no_to_has_the_id_under_which_its_log_tells_of_it(
    pair: Pair, amount: str
) -> None:
    words = pair.order(amount, "-o", "json")
    if amount == "1":
        words[words.index("SOUTH")] = "SOTUH"

    refused = await pair.line(*words)

    assert refused.code == 3
    assert len(refused.error["request_id"]) == 32


async def test_retry_of_an_order_that_is_not_saved_says_so(pair: Pair) -> None:
    ending = await pair.line("retry", "abcd1234")
    assert ending.code == 3
    assert "no order that begins with abcd1234 is saved here. TRANSFER_NOT_FOUND" in ending.err


async def test_a_damaged_saved_order_is_named_and_not_guessed_at(pair: Pair) -> None:
    pair.line.put(f"orders/open/{'ab' * 16}.json", "{")
    ending = await pair.line(*pair.order("1.00"))
    assert ending.code == 2
    assert "is damaged. FILE_MALFORMED" in ending.err
    assert await pair.balances() == (100_00, 0)


async def test_an_empty_key_is_not_no_key(pair: Pair) -> None:
    """A variable that a script forgot to set must not pay twice."""
    for words in (pair.order("1.00", "--idempotency-key", ""), ["deposit", "--amount", "1", "--idempotency-key", ""]):
        ending = await pair.line(*words)
        assert ending.code == 2
        assert "it is empty; leave it out, or write it" in ending.err
    assert (await pair.line("status", "")).code == 2
    assert await pair.balances() == (100_00, 0)
