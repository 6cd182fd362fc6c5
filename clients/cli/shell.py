"""The menu, for people. Whatever it does it does by the commands, and shows how a script would."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click
from click.core import ParameterSource

from clients.cli import errors
from clients.cli import shell_actions as actions
from clients.cli.asking import Asking
from clients.cli.desk import OPERATOR, Desk, at_desk
from clients.cli.options import Context, common
from clients.cli.output import Ended, group_digits, harmless, say
from clients.cli.shell_actions import View, Words
from interbank.refusals import EXIT_CODES, Kind

_Action = Callable[[Asking, View], Words | None]
_Menu = Mapping[str, tuple[str, _Action]]
_QUIT = "q"

_CUSTOMER: _Menu = {
    "1": ("Pay", actions.pay),
    "2": ("Accounts", actions.accounts),
    "3": ("Statement", actions.statement),
    "4": ("Pay a file", actions.pay_file),
    "5": ("My payments", actions.payments),
    "6": ("Deposit / withdraw", actions.cash),
    "7": ("Sessions, password", actions.sessions),
}
_OPERATOR: _Menu = {
    "1": ("Open an account", actions.open_account),
    "2": ("Accounts of a bank", actions.bank_accounts),
    "3": ("Add money", actions.add_money),
    "4": ("Payments in doubt", actions.in_doubt),
    "5": ("Banks", actions.banks),
    "6": ("Password", actions.operator_password),
    "7": ("Log out", actions.log_out),
}
_STRANGER: _Menu = {
    "1": ("Log in", actions.log_in),
    "2": ("Register an account", actions.register),
    "3": ("Banks", actions.banks),
}


@dataclass(frozen=True, slots=True)
class _Scene:
    """What stands above the question: one line, the menu, and what its actions may know."""

    headline: str
    menu: _Menu
    view: View


@click.command()
@common
def shell(context: Context) -> None:
    """The menu, for people. Shows each action's script form.

    \b
      interbank shell
    """
    asking = Asking()
    options = _typed_options()
    while True:
        scene = _look_around(context)
        say(scene.headline)
        say("  " + "     ".join([*(f"{key} {name}" for key, (name, _) in scene.menu.items()), f"{_QUIT} Quit"]))
        try:
            choice = asking.ask(">").lower()
        except (EOFError, KeyboardInterrupt):
            return
        if choice in (_QUIT, "quit", "exit"):
            return
        if choice in scene.menu:
            _act(asking, scene.menu[choice][1], scene.view, options)
        elif choice:
            say(f"{harmless(choice)}? One of {', '.join(scene.menu)}, or q")


def _act(asking: Asking, action: _Action, view: View, options: Words) -> None:
    try:
        words = action(asking, view)
        if words is None:
            return
        end = _run([*words, *options])
        if (
            end is not None
            and end.json.get("reason") == "PROBABLE_REPEAT"
            and asking.yes("Is it meant as a second payment?", word="pay again")
        ):
            _run([*words, "--again", *options])
    except (EOFError, KeyboardInterrupt):
        say("")


def _run(words: Words) -> Ended | None:
    """Run a command as the command line would, and show its script form."""
    end = None
    try:
        click.get_current_context().find_root().command.main(words, prog_name="interbank", standalone_mode=False)
    except errors.ENDS as error:
        end = errors.end_of(error, words)
        errors.show(end, as_json=False)
    say(f"in a script: {shlex.join(['interbank', *words])}\n")
    return end


def _look_around(context: Context) -> _Scene:
    """Who is here, what he has, what is on its way. What cannot be asked now is said, and the menu stays usable."""
    try:
        with at_desk(context) as desk:
            banks = tuple(bank.bank for bank in desk.client.accounts.banks())
            if desk.session is None:
                return _Scene(
                    f"nobody is logged in        gateway {desk.network.address}", _STRANGER, View("", banks=banks)
                )
            if desk.session.username == OPERATOR:
                headline = f"{OPERATOR}        gateway {desk.network.address}"
                return _Scene(headline, _OPERATOR, View(OPERATOR, banks=banks))
            return _customer(desk, banks)
    except Ended as end:
        errors.show(end, as_json=False)
        known = end.exit_code != EXIT_CODES[Kind.UNAUTHENTICATED]
        return _Scene("", _CUSTOMER if known else _STRANGER, View(""))


def _customer(desk: Desk, banks: tuple[str, ...]) -> _Scene:
    accounts = desk.learn_accounts()
    on_their_way = len(list(desk.client.payments.mine(unfinished=True, limit=200)))
    recent = (transfer.order for transfer in desk.client.payments.mine(limit=100))
    payees = dict.fromkeys(f"{order.payee_bank} {order.payee_account} {order.payee_name}" for order in recent)
    held = [
        f"{account.bank} {account.account}   "
        + (f"{group_digits(account.balance.decimal)} {account.balance.currency}" if account.balance else "?")
        for account in accounts
    ]
    waiting = f"{on_their_way} payment{'' if on_their_way == 1 else 's'} on its way: 5" if on_their_way else ""
    ends = desk.session.ends_at[:10] if desk.session else ""
    parts = [desk.username, *held, waiting, f"gateway {desk.network.address}, your session ends {ends}"]
    currencies = {known.bank: known.currency for known in desk.session.accounts} if desk.session else {}
    view = View(desk.username, tuple(accounts), tuple(payees), banks, currencies)
    return _Scene("     ".join(filter(None, parts)), _CUSTOMER, view)


def _typed_options() -> Words:
    """The common options that were typed, for the commands that the menu runs; the environment reaches them anyway."""
    context = click.get_current_context()
    words: Words = []
    for name in ("profile", "gateway", "home", "ca"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            words += [f"--{name}", str(context.params[name])]
    return words
