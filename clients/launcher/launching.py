"""`interbank up` from its first word to its last: brings up, waits until all have joined, tells, and stays if asked."""

import contextlib
import os
import shlex
import signal
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from clients.cli import errors
from clients.cli.options import Context
from clients.cli.output import Ended, print_one, say
from clients.launcher import texts
from clients.launcher.demo_accounts import Opened, open_demo_accounts
from clients.launcher.foreground import stopped_by_sigterm, wait_for_end
from clients.launcher.home import Home
from clients.launcher.journal import wait_for_ends
from clients.launcher.liveness import is_alive
from clients.launcher.network_file import read_network
from clients.launcher.processes import stop_all
from clients.launcher.services import services_of
from clients.launcher.standing import wait_until_joined
from clients.launcher.up import Launched, bring_up
from clients.launcher.wishes import Wish
from clients.sdk.records import Bank
from interbank.refusals import Refused


def launch(context: Context, home: Home, wish: Wish, *, demo: bool, detach: bool) -> None:
    """Bring the network up and tell about it. Unless it is detached, or ran already, stay until somebody stops it, and
    stop all of it then.

    Raises Ended if the gateway does not start, and, if nobody stays to look after it, if a bank does not join; it says
    what runs all the same.
    """
    try:
        _launch(context, home, wish, demo=demo, detach=detach)
    except Refused as refused:
        raise _with_what_runs(errors.ended(refused), home, _down(context)) from refused
    except KeyboardInterrupt:
        raise _with_what_runs(errors.interrupted(), home, _down(context)) from None


def _launch(context: Context, home: Home, wish: Wish, *, demo: bool, detach: bool) -> None:
    with stopped_by_sigterm():
        begun = time.monotonic()
        launched = bring_up(home, wish)
        stays = bool(launched.children) and not detach
        try:
            problems = _tell(context, home, launched, begun, demo=demo)
            if stays:
                _show(problems)
                _stay(launched)
        finally:
            if stays:
                with home.alone():
                    stopped = stop_all(service.place for service in services_of(home, launched.network))
                say(f"stopped {' '.join(stopped)}" if stopped else "all of it has stopped")
    if problems and not stays:
        _show(problems[:-1])
        raise problems[-1]


def _down(context: Context) -> str:
    """The command that stops this network, typed where `up` was typed."""
    return (
        f"interbank down --home {shlex.quote(str(context.home))}" if _home_must_be_told(context) else "interbank down"
    )


def _with_what_runs(end: Ended, home: Home, down: str) -> Ended:
    """The end of an `up` that failed, and which processes of the network run nevertheless."""
    running: list[str] = []
    with contextlib.suppress(Refused):
        network = read_network(home.network_file)
        running = [service.name for service in services_of(home, network) if is_alive(service.place)] if network else []
    told = [f"running: {' '.join(running)}; {down} stops {'it' if len(running) == 1 else 'them'}"]
    return Ended(end.exit_code, [*end.lines, *(told if running else [])], {**end.json, "running": running})


def _tell(context: Context, home: Home, launched: Launched, begun: float, *, demo: bool) -> list[Refused]:
    """Wait until all have joined and say how it stands; returns what is not as it should be."""
    network = launched.network
    for notice in launched.notices:
        say("\n".join(("note: " + notice.lines[0], *notice.lines[1:])))
    running = frozenset(member.bank for member in network.banks if member.bank not in launched.refused)
    seen = wait_until_joined(home, network, running)
    seconds = time.monotonic() - begun
    ends = wait_for_ends(home.gateway.database, launched.under_way) if launched.under_way else Counter[str]()
    problems = [*launched.refused.values(), *texts.not_joined(network, seen, launched.refused)]
    opened: list[Opened] = []
    if demo:
        try:
            opened = open_demo_accounts(home, network)
        except Refused as refused:
            problems.append(refused)
    if context.output == "table":
        joined = [member.bank for member in network.banks if _is_connected(seen.get(member.bank))]
        lines = texts.up_lines(home, launched, joined, seconds, ends)
        lines += [texts.demo_line(opened)] if opened else []
        lines += texts.next_lines(home, launched, home_was_named=_home_must_be_told(context))
        click.echo("\n".join(lines))
    else:
        print_one(context, texts.up_row(home, launched, seen, ends))
    return problems


def _stay(launched: Launched) -> None:
    say("Ctrl-C stops all of it.")
    wait_for_end(launched.children, _say_ended)


def _say_ended(name: str, code: int) -> None:
    how = f"was killed ({signal.Signals(-code).name})" if code < 0 else "stopped" if code == 0 else f"failed ({code})"
    say(
        f"{name} {how}"
        + ("" if code == 0 else f"; see interbank logs {name}, start it again with interbank up --detach")
    )


def _show(problems: Iterable[Refused]) -> None:
    for problem in problems:
        errors.show(errors.ended(problem), as_json=False)


def _is_connected(bank: Bank | None) -> bool:
    return bank is not None and bank.link == "CONNECTED"


def _home_must_be_told(context: Context) -> bool:
    known = os.environ.get("INTERBANK_HOME", "")
    return context.home is not None and (not known or Path(known).expanduser().absolute() != context.home)
