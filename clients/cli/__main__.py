"""The front door: `interbank COMMAND`. Finds the module of a command, loads that one alone, and ends in one form."""

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from clients.cli import errors
from clients.cli.output import Ended

# Where a command lives and what help says of it. Help is written here, so that showing it loads no module.
_SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Pay and look": {
        "login": ("clients.cli.session", "Open a session that lasts across commands."),
        "balance": ("clients.cli.accounts", "Show your money."),
        "transfer": ("clients.cli.payments", "Pay someone (also: pay)."),
        "status": ("clients.cli.whereabouts", "Say where your money is, why, and what happens next."),
        "watch": ("clients.cli.whereabouts", "Follow a payment until it is final."),
        "retry": ("clients.cli.payments", "Send exactly a saved order once more; it cannot pay twice."),
        "transfers": ("clients.cli.payments", "List your payments."),
        "statement": ("clients.cli.accounts", "List the movements of your account."),
        "pay-file": ("clients.cli.pay_file", "Pay every line of a CSV file, each once."),
        "deposit": ("clients.cli.accounts", "Put cash into your account at the counter."),
        "withdraw": ("clients.cli.accounts", "Take cash out of your account at the counter."),
        "shell": ("clients.cli.shell", "The menu, for people."),
    },
    "Who you are": {
        "register": ("clients.cli.session", "Bind a bank account to your name in the network."),
        "logout": ("clients.cli.session", "End the session."),
        "sessions": ("clients.cli.session", "List your sessions, or end one of them."),
        "whoami": ("clients.cli.session", "Say who is logged in, where, until when."),
        "password": ("clients.cli.session", "Change your password at a bank."),
        "accounts": ("clients.cli.accounts", "List your accounts."),
        "banks": ("clients.cli.accounts", "List the banks of the network."),
    },
    "Run a network": {
        "up": ("clients.launcher.commands", "Start a network, or what of it is not running."),
        "down": ("clients.launcher.commands", "Stop it."),
        "ps": ("clients.launcher.commands", "Show its processes and what they wait for."),
        "logs": ("clients.launcher.commands", "Show what every process did, one line per message."),
        "admin": ("clients.cli.admin", "The operator's acts: open accounts, add money, look after payments."),
        "ca": ("clients.cli.ca", "The certificate authority."),
    },
    "Prove and keep": {
        "audit": ("clients.cli.audit", "Check the books from the database files alone."),
        "backup": ("clients.cli.backup", "Copy every database, consistent and with hashes."),
        "lab": ("clients.cli.lab", "Hurt a network made for it, and look into its books."),
        "protos": ("clients.cli.protos", "Write out the contract, for other languages."),
    },
}
_COMMANDS = {name: found for section in _SECTIONS.values() for name, found in section.items()}

# Names that people guess. They work, and help does not list them.
_ALIASES = {
    "pay": "transfer",
    "send": "transfer",
    "start": "up",
    "stop": "down",
    "history": "statement",
    "payments": "transfers",
}

_NO_RECALL = (
    "A payment that no bank answers ends by itself, with the money back; "
    "one that is COMPLETED is the payee's, who alone can pay it back."
)


class Interbank(click.Group):
    """A group that loads a command's module when the command is called, and renders every end in one form."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        name = _ALIASES.get(cmd_name, cmd_name)
        if own is not None or name not in _COMMANDS:
            return own
        command = getattr(importlib.import_module(_COMMANDS[name][0]), name.replace("-", "_"))
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = {*_COMMANDS, *_ALIASES, *self.commands}
        if args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            meant = f' Did you mean "{near[0]}"?' if near else ""
            raise click.UsageError(f'there is no command "{args[0]}".{meant}', ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = f"{error.option_name} comes after the command, as in: interbank balance -o json"
            raise click.UsageError(message, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, _COMMANDS))
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in commands.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line, print its end, and exit with its code. Without `standalone_mode` it raises the end."""
        words = list(sys.argv[1:] if args is None else args)
        if not standalone_mode:
            return super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        except BrokenPipeError:
            # Whoever read our output has seen enough. Python would complain when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except errors.ENDS as error:
            end = errors.end_of(error, words)
            errors.show(end, as_json=errors.wants_json(words, os.environ.get("INTERBANK_OUTPUT", "")))
            sys.exit(end.exit_code)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    cls=Interbank,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    invoke_without_command=True,
)
@click.version_option(package_name="interbank", message="interbank %(version)s")
@click.pass_context
def interbank(context: click.Context) -> None:
    """A payment network of several banks.

    \b
    A first payment:
      interbank up --demo --detach
      interbank login --username alice
      interbank pay --from NORTH --to-bank SOUTH --to-account 1001 --to-name bob --amount 12.34
      interbank status
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@interbank.command(hidden=True)
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    click.echo(f"interbank {version_of('interbank')}")


@interbank.command("help", hidden=True)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_(context: click.Context, words: tuple[str, ...]) -> None:
    """Explain a command."""
    main([*words, "--help"], prog_name=context.find_root().info_name)


@interbank.command(hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("transfer_id", required=False)
@click.argument("_rest", nargs=-1)
def cancel(transfer_id: str | None, _rest: tuple[str, ...]) -> None:
    """Explain why a payment cannot be recalled."""
    shown = transfer_id or "ID"
    message = "a payment cannot be recalled: the payee's bank decides it, once and for ever"
    raise Ended(
        3,
        [
            errors.headline("refused", message),
            f"Nothing was changed. {_NO_RECALL}",
            f"interbank status {shown}",
        ],
        errors.error_body("NO_RECALL", message, hint=f"interbank status {shown}", transfer_id=transfer_id or ""),
    )


def main(arguments: Sequence[str] | None = None, *, prog_name: str | None = "interbank") -> NoReturn:
    """The console script `interbank`."""
    # gRPC would write its own lines about lost connections between ours; it reads this when it is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    interbank.main(arguments, prog_name=prog_name)
    raise AssertionError("a command line ends by exiting")


if __name__ == "__main__":
    main()
