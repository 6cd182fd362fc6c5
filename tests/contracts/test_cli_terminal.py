"""What only a person at a terminal sees: questions, completion, colours."""

import asyncio
import os
import signal
import sys

import pexpect
import pytest

from interbank.instructions import InstructionKind
from tests.command_line import CommandLine, Pair, the_wire
from tests.world import PASSWORD, World

pytestmark = pytest.mark.slow


async def at_terminal(
    line: CommandLine,
    words: list[str],
    *talk: tuple[str, str],
    interrupt: asyncio.Event | None = None,
    env: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Run a command at a terminal: wait for each text, then type the answer; at last wait for `interrupt` and press
    Ctrl-C. Returns exit code and all that was shown."""
    loop = asyncio.get_running_loop()

    def run() -> tuple[int, str]:
        known = {name: value for name, value in line.environment.items() if value is not None}
        environment = {**os.environ, "TERM": "xterm", **known, **(env or {})}
        command = ["-m", "clients.cli", *words]
        terminal = pexpect.spawn(
            sys.executable, command, env=environment, encoding="utf-8", timeout=20, preexec_fn=_listen_to_ctrl_c
        )
        terminal.setwinsize(50, 200)
        shown = ""
        for text, answer in talk:
            terminal.expect_exact(text)
            shown += terminal.before + terminal.after
            terminal.send(answer)
        if interrupt is not None:
            asyncio.run_coroutine_threadsafe(interrupt.wait(), loop).result(20)
            terminal.sendintr()
        terminal.expect(pexpect.EOF)
        shown += terminal.before
        terminal.close()
        return terminal.exitstatus, shown

    return await asyncio.to_thread(run)


def _listen_to_ctrl_c() -> None:
    """Whoever runs the tests in the background may have it ignored, and children take that over."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_a_password_is_asked_for_and_never_shown(network: World, pair: Pair) -> None:
    line = CommandLine(network, f"{pair.line.profile}-terminal")
    words = ["login", "--username", pair.alice.username]
    code, shown = await at_terminal(line, words, (f"Password of {pair.alice.username} at your bank: ", f"{PASSWORD}\n"))
    assert code == 0, shown
    assert PASSWORD not in shown
    assert "is logged in at NORTH" in shown


async def test_a_file_is_paid_after_a_yes_and_not_after_a_no(pair: Pair) -> None:
    bob = f"SOUTH,{pair.bob.accounts['SOUTH']},{pair.bob.username}"
    file = str(pair.line.put("pay.csv", f"to_bank,to_account,to_name,amount,reference\n{bob},1.00,a\n"))

    no, shown = await at_terminal(pair.line, ["pay-file", file], ("Pay? [y/N]: ", "n\n"))
    assert (no, await pair.balances()) == (1, (100_00, 0))
    assert "Nothing was paid." in shown

    yes, shown = await at_terminal(pair.line, ["pay-file", file], ("Pay? [y/N]: ", "y\n"))
    assert (yes, await pair.balances()) == (0, (99_00, 1_00))
    assert "1 completed 1.00 EUR" in shown


async def test_ctrl_c_in_the_middle_of_a_file_leaves_it_to_be_gone_on_with(network: World, pair: Pair) -> None:
    bob = f"SOUTH,{pair.bob.accounts['SOUTH']},{pair.bob.username}"
    file = str(pair.line.put("stop.csv", f"to_bank,to_account,to_name,amount,reference\n{bob},1.00,a\n"))
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)

    code, shown = await at_terminal(pair.line, ["pay-file", file, "--yes"], ("0/1", "\x03"))
    held.release()
    again = await pair.line("pay-file", file)

    assert code == 130
    assert "interrupted: stopped in the middle of stop.csv." in shown
    assert "The same command again goes on from here; nothing is paid twice." in shown
    assert again.code == 0
    assert await pair.balances() == (99_00, 1_00)


async def test_ctrl_c_under_a_payment_says_that_it_goes_on(network: World, pair: Pair) -> None:
    held = the_wire(network).hold_reply(InstructionKind.CREDIT)
    code, shown = await at_terminal(pair.line, pair.order("1.00"), interrupt=held.arrived)
    held.release()

    assert code == 130
    assert "It goes on by itself. Do not pay anew." in shown
    await network.quiet()
    assert await pair.balances() == (99_00, 1_00)


async def test_the_menu_completes_whom_one_paid_before(pair: Pair) -> None:
    await pair.line(*pair.order("1.00"))
    talk = [("q Quit", "1\r"), ("people you paid):", "SOU\t"), (pair.bob.username, "\r"), ("Amount in EUR:", "2\r")]
    code, shown = await at_terminal(
        pair.line, ["shell"], *talk, ("empty):", "\r"), ("back >", "y\r"), ("in a script", ""), ("q Quit", "q\r")
    )
    assert code == 0, shown
    assert await pair.balances() == (97_00, 3_00)


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
async def test_colours_are_for_terminals_that_want_them(pair: Pair, env: dict[str, str], coloured: bool) -> None:
    code, shown = await at_terminal(pair.line, pair.order("1.00"), env=env)
    assert code == 0
    assert ("\x1b[32mCOMPLETED\x1b[0m" in shown) == coloured
