"""Paying every line of a file, each once: pay-file, for customers and for a bank's standing orders."""

import contextlib
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from clients.bulk_payments import Bulk, Payment
from clients.cli import errors, prompts
from clients.cli import pay_file_words as words
from clients.cli.desk import Desk, logged_in
from clients.cli.options import Context, common, not_empty
from clients.cli.output import Ended, group_digits, harmless, print_one, say
from clients.csv_files import MalformedFile
from clients.payment_files import Payer, parse_payments
from interbank.orders import check_bank_id
from interbank.private_files import replace_file
from interbank.refusals import Reason, Refused

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Parsed = TypeVar("_Parsed")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|)", re.ASCII)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_BAR_SECONDS = 0.1


class _Seconds(click.ParamType[int]):
    """A span of time such as 90s, 10m or 2h."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f'"{value}" is not a time; write 90s, 10m or 2h', param, ctx)
        return int(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options of pay-file say."""

    file: Path
    run: str
    check: bool
    wait: int
    again_refused: bool
    yes: bool

    @property
    def results_file(self) -> Path:
        """Where the results go: beside the file."""
        return self.file.with_name(f"{self.file.stem}.results.csv")


def file_options(command: _Command) -> _Command:
    """The options of pay-file, handed over as `wishes`."""
    options = (
        click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv"),
        click.option("--run", callback=not_empty, metavar="LABEL", help="Names this run; by default the file's name."),
        click.option("--check", is_flag=True, help="Read the file, say what would be paid, pay nothing."),
        click.option(
            "--wait", type=_Seconds(), default=600, metavar="TIME", help="Wait so long at most.  [default: 10m]"
        ),
        click.option("--again-refused", is_flag=True, help="Pay lines anew that were refused or returned."),
        click.option("--yes", is_flag=True, help="Do not ask before paying."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("pay-file")
@common
@file_options
@click.option("--from", "bank", default="", metavar="B", help="Your bank; may be left out if you have one.")
def pay_file(
    context: Context, bank: str, file: Path, run: str, check: bool, wait: int, again_refused: bool, yes: bool
) -> None:
    """Pay every line of a CSV file, each once.

    Columns: to_bank,to_account,to_name,amount,reference and, if you like, key. A line is known by what it says: the
    same file pays nothing twice, a corrected file pays only what is new, and a new month wants --run. Should it be
    interrupted, run it again. What became of each line stands in FILE.results.csv.

    \b
      interbank pay-file salaries.csv --from NORTH --check
      interbank pay-file salaries.csv --from NORTH --run 2026-12

    Exit codes: 0 every line is paid, now or before; 2 malformed file; 6 a line is not final; 5 a line was not accepted;
    3 a line was refused.
    """
    wishes = Wishes(file, run or file.stem, check, wait, again_refused, yes)
    if bank:
        check_bank_id(bank, "payer_bank")
    with logged_in(context) as desk:
        account = desk.account_at(bank)
        payer = Payer(account.bank, account.currency, account.account)
        _pay(desk, wishes, payer, lambda: _payer_words(desk, payer), authority="")


def pay_standing_orders(desk: Desk, wishes: Wishes, bank: str, currency: str) -> None:
    """Pay a bank's own file, each line from the account that it names."""
    _pay(desk, wishes, Payer(bank, currency, None), lambda: f"accounts of {bank}", authority=bank)


def read_file(file: Path, parse: Callable[[bytes], _Parsed], *, nothing: str, remedy: str) -> _Parsed:
    """What `parse` makes of a file. Raises Ended with every fault that it found; `nothing` says what was not done of
    the file, `remedy` is what to type next."""
    try:
        return parse(file.read_bytes())
    except MalformedFile as error:
        lines = [*words.malformed(file.name, error), f"Nothing of this file was {nothing}.", remedy]
        column = error.faults[0].column
        body = errors.error_body(Reason.FILE_MALFORMED.name, str(error), field=column, hint=remedy, moved=False)
        faults = [{"line": fault.line, "column": fault.column, "message": fault.message} for fault in error.faults]
        raise Ended(errors.USAGE, lines, {**body, "faults": faults}) from None


def _pay(desk: Desk, wishes: Wishes, payer: Payer, payer_words: Callable[[], str], *, authority: str) -> None:
    remedy = _after_faults(wishes, payer)
    lines = read_file(
        wishes.file, lambda content: parse_payments(content, payer, wishes.run), nothing="paid", remedy=remedy
    )
    bulk = Bulk([Payment(line) for line in lines], desk.client.payments, authority)
    bulk.look_up()
    if wishes.again_refused:
        bulk.pay_anew()
    if all(payment.state == "COMPLETED" for payment in bulk.payments):
        say(words.nothing_to_pay(wishes.run, bulk.payments, datetime.now(UTC).astimezone()))
    else:
        say(words.opening(wishes.file.name, wishes.run, bulk.payments, payer_words(), payer.currency))
    if wishes.check:
        say("Nothing was paid: --check only reads.")
        return
    _ask(bulk, wishes)
    _run(desk, bulk, wishes, payer.currency)


def _after_faults(wishes: Wishes, payer: Payer) -> str:
    """What to type when a file has faults."""
    if wishes.check:
        return "Correct these lines, then the same command again."
    whose = "--from" if payer.account is not None else "--bank"
    command = click.get_current_context().command_path
    return f"{command} {shlex.quote(str(wishes.file))} {whose} {payer.bank} --check"


def _ask(bulk: Bulk, wishes: Wishes) -> None:
    """Ask before new money moves, if there is somebody to ask."""
    new = any(payment.state == "NOT_SENT" for payment in bulk.payments)
    if new and not wishes.yes and prompts.at_terminal() and not prompts.confirm("Pay?"):
        raise Ended(1, ["stopped: you said no.", "Nothing was paid."], errors.error_body("DECLINED", "", moved=False))


def _run(desk: Desk, bulk: Bulk, wishes: Wishes, currency: str) -> None:
    begun = time.monotonic()
    try:
        with _progress(desk.context, bulk) as progress:
            bulk.run(seconds=wishes.wait, progress=progress)
    except KeyboardInterrupt:
        raise _interrupted(wishes) from None
    finally:
        replace_file(wishes.results_file, words.results(bulk.payments).encode())
    seconds = time.monotonic() - begun
    counted = words.tally(bulk.payments)
    if desk.context.output == "table":
        closing = words.closing(counted, currency, seconds, wishes.results_file.name)
        click.echo("\n".join(map(harmless, closing)))
    else:
        print_one(
            desk.context,
            words.summary(wishes.file.name, wishes.run, counted, currency, seconds, str(wishes.results_file)),
        )
    if counted.on_their_way or counted.not_accepted:
        say("The same command again goes on from here; nothing is paid twice.")
    click.get_current_context().exit(counted.exit_code)


def _payer_words(desk: Desk, payer: Payer) -> str:
    """`NORTH 1001 (58,000.00 EUR)`. Raises Refused(NOT_LOGGED_IN_AT_BANK) before any line would be."""
    for account in desk.client.accounts.mine():
        if account.bank == payer.bank and account.no_balance_reason == Reason.NOT_LOGGED_IN_AT_BANK.name:
            raise Refused(
                Reason.NOT_LOGGED_IN_AT_BANK,
                f"this session has no access at {payer.bank}",
                hint=f"interbank login --bank {payer.bank}",
            )
        if account.bank == payer.bank and account.balance is not None:
            money = account.balance
            return f"{payer.bank} {payer.account} ({group_digits(money.decimal)} {money.currency})"
    return f"{payer.bank} {payer.account}"


def _interrupted(wishes: Wishes) -> Ended:
    message = f"stopped in the middle of {wishes.file.name}"
    lines = [
        f"interrupted: {message}.",
        "What was accepted goes on by itself. The same command again goes on from here; nothing is paid twice.",
        f"so far: {wishes.results_file.name}",
    ]
    return Ended(errors.INTERRUPTED, lines, errors.error_body("INTERRUPTED", message, hint=lines[1]))


@contextlib.contextmanager
def _progress(context: Context, bulk: Bulk) -> Iterator[Callable[[], None]]:
    """A bar on stderr, for people at a terminal; nothing else."""
    if context.output != "table" or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("final"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(bulk.payments))
        yield _at_most_every(_BAR_SECONDS, lambda: bar.update(task, completed=sum(p.settled for p in bulk.payments)))


def _at_most_every(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """Does it, unless it was done a moment ago."""
    next_at = 0.0

    def act_if_due() -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            act()
            next_at = time.monotonic() + seconds

    return act_if_due
