"""The one form of an error: what happened and the reason; whether money moved; one next command."""

import json
from collections.abc import Sequence
from typing import Any

import click

from clients.cli.output import Ended, harmless
from interbank.refusals import EXIT_CODES, Kind, Reason, Refused

INTERRUPTED = 130
USAGE = 2
NOT_FINAL = 6
"""Exit codes beside those of the reasons' kinds: Ctrl-C, a usage error, pending or in doubt."""

MOVES_MONEY = frozenset({"transfer", "pay", "send", "retry", "deposit", "withdraw", "pay-file", "add-money"})
"""Commands whose every error says whether money moved."""

_WORDS = {
    Kind.REFUSED: "refused",
    Kind.NOT_FOUND: "refused",
    Kind.TAKEN: "refused",
    Kind.MALFORMED: "usage",
    Kind.UNAUTHENTICATED: "not logged in",
    Kind.NOT_ALLOWED: "not allowed",
    Kind.UNAVAILABLE: "unreachable",
    Kind.BUSY: "busy",
    Kind.IN_PROGRESS: "busy",
    Kind.UNKNOWN: "unknown",
    Kind.BROKEN: "error",
}

# A field as the user typed it, by its name on the wire.
_TYPED = {
    "payer_bank": "from",
    "payer_account": "from_account",
    "payee_bank": "to_bank",
    "payee_account": "to_account",
    "payee_name": "to_name",
    "minor_units": "amount",
    "deposit_minor_units": "deposit",
}

# What to do about a reason, where the network sent no better hint: a sentence, and a command.
_ADVICE: dict[Reason, tuple[str, str]] = {
    Reason.UNKNOWN_BANK: ("", "interbank banks"),
    Reason.ACCOUNT_NOT_FOUND: ("", "interbank accounts"),
    Reason.PAYEE_NAME_MISMATCH: ("Ask the payee for bank, account and user name as the bank writes them.", ""),
    Reason.PAYEE_ACCOUNT_NOT_FOUND: ("Ask the payee for bank, account and user name as the bank writes them.", ""),
    Reason.PAYEE_ACCOUNT_FROZEN: ("Only the payee's bank can lift that.", ""),
    Reason.PAYEE_ACCOUNT_CLOSED: ("Ask the payee for another account.", ""),
    Reason.ACCOUNT_FROZEN: ("Only your bank can lift that.", ""),
    Reason.CURRENCY_MISMATCH: ("Both accounts of a payment must be in one currency.", "interbank banks"),
    Reason.PAYEE_BANK_UNAVAILABLE: ("Try again later, or:", "interbank banks"),
    Reason.PAYER_BANK_UNAVAILABLE: ("Try again later, or:", "interbank banks"),
    Reason.BANK_UNAVAILABLE: ("Try again later, or:", "interbank banks"),
    Reason.GATEWAY_UNREACHABLE: ("Is it running?", "interbank ps"),
    Reason.GATEWAY_STARTING: ("Try again in a few seconds.", ""),
    Reason.GATEWAY_OVERLOADED: ("Try again in a few seconds.", ""),
    Reason.BANK_BUSY: ("Try again in a few seconds.", ""),
    Reason.ORDER_IN_PROGRESS: ("Try again in a moment.", ""),
    Reason.IDEMPOTENCY_KEY_REUSED: ("A new order needs a new key.", "interbank transfers"),
    Reason.NOT_LOGGED_IN: ("", "interbank login --username NAME"),
    Reason.SESSION_EXPIRED: ("", "interbank login --username NAME"),
    Reason.NOT_LOGGED_IN_AT_BANK: ("", "interbank login --username NAME --bank BANK"),
    Reason.LOGIN_THROTTLED: ("Wait a moment, then try again.", ""),
    Reason.NOT_ALLOWED: ("The operator may:", "interbank login --username admin"),
    Reason.TRANSFER_NOT_FOUND: ("", "interbank transfers"),
    Reason.SESSION_NOT_FOUND: ("", "interbank sessions"),
    Reason.USERNAME_TAKEN: ("If the name is yours, log in first; then register this account too.", ""),
    Reason.ALREADY_REGISTERED: ("Log in with it:", "interbank login --username NAME"),
    Reason.COUNTER_CLOSED: ("Ask the bank; its operator can open the counter: interbank up --counter", ""),
    Reason.ACCOUNT_HAS_BALANCE: ("Pay or withdraw what is left first.", ""),
    Reason.ACCOUNT_HAS_OPEN_DEBITS: ("Wait until its payments are final:", "interbank admin transfers --in-doubt"),
}


_PROGRAMS = frozenset({"interbank", "chmod", "openssl", "export"})
"""What hints tell people to type."""

ENDS = (Refused, Ended, click.ClickException, click.Abort, KeyboardInterrupt, OSError)
"""What a command may end with that is not a fault of this program."""


def end_of(error: BaseException, words: Sequence[str]) -> Ended:
    """The end of a command line, given as its words, in the one form."""
    moves_money = not MOVES_MONEY.isdisjoint(words[:2])
    if isinstance(error, Ended):
        return error
    if isinstance(error, Refused):
        return ended(error, moves_money=moves_money)
    if isinstance(error, click.ClickException):
        return usage(error, moves_money=moves_money)
    return failed(error) if isinstance(error, OSError) else interrupted()


def ended(refused: Refused, *, moves_money: bool = False, command: str = "") -> Ended:
    """A refusal in the one form. `moves_money` says whether the command was about to move any; `command` is what to
    type next, if the caller knows better than this table."""
    reason = refused.reason
    field = _TYPED.get(refused.field, refused.field)
    advice, usual = _ADVICE.get(reason, ("", ""))
    message = _with_flag(refused.message, reason, field)
    told, command_told = _hint(refused.hint)
    if told.endswith("?") and not command_told:
        message = f"{message}. {told}"
    else:
        advice, usual = told or advice, command_told or usual
    moved_and_advice = " ".join(filter(None, (moved_words(reason, moves_money), advice)))
    lines = [headline(kind_of(reason), message, reason, field=field), moved_and_advice, command or usual]
    body = error_body(
        reason.name,
        refused.message,
        field=field,
        # A command of the caller's stands for one that lacks what the sender could not know.
        hint=(refused.hint if told or not command else "") or " ".join(filter(None, (advice, command or usual))),
        moved=False if moves_money and reason.kind is not Kind.UNKNOWN else None,
        request_id=refused.request_id,
    )
    return Ended(EXIT_CODES[reason.kind], [line for line in lines if line], body)


def kind_of(reason: Reason) -> str:
    """The first word of a message: what sort of end it is."""
    # Whoever typed a wrong password does ask to be let in: "not logged in" would tell him nothing.
    return "not allowed" if reason is Reason.WRONG_CREDENTIALS else _WORDS[reason.kind]


def headline(kind: str, message: str, reason: Reason | None = None, *, field: str = "") -> str:
    """Line 1: `refused: what happened. REASON (ISO), field F`."""
    line = f"{kind}: {message if message.endswith('?') else message.rstrip('.') + '.'}"
    if reason is None:
        return line
    iso = f" ({reason.iso_code})" if reason.iso_code else ""
    return f"{line} {reason.name}{iso}" + (f", field {field}" if field else "")


def moved_words(reason: Reason, moves_money: bool) -> str:
    """Whether money moved, in words; nothing for a command that moves none."""
    if reason.kind is Kind.UNKNOWN:
        return "It may have been done, or not. The same command again is safe."
    if not moves_money:
        return ""
    if reason.kind in (Kind.MALFORMED, Kind.UNAUTHENTICATED):
        return "Nothing was sent." if reason is not Reason.WRONG_CREDENTIALS else ""
    return "Not accepted, nothing moved, nothing will." if reason.try_again else "Nothing moved."


def error_body(
    reason: str,
    message: str,
    *,
    field: str = "",
    hint: str = "",
    moved: bool | None = None,
    transfer_id: str = "",
    idempotency_key: str = "",
    request_id: str = "",
) -> dict[str, Any]:
    """The object that stands under "error" for programs. `moved` is None where it is not known, or not the question."""
    return {
        "reason": reason,
        "message": message,
        "field": field,
        "hint": hint,
        "moved": moved,
        "transfer_id": transfer_id,
        "idempotency_key": idempotency_key,
        "request_id": request_id,
    }


def show(end: Ended, *, as_json: bool) -> None:
    """Print the end of a command on stderr."""
    if as_json:
        click.echo(json.dumps({"error": dict(end.json)}, ensure_ascii=False, indent=2), err=True)
        return
    for line in end.lines:
        click.echo("\n".join(harmless(part) for part in line.split("\n")), err=True)


def usage(error: click.ClickException, *, moves_money: bool = False) -> Ended:
    """What click refused, in the one form."""
    near = error.possibilities if isinstance(error, click.NoSuchOption | click.NoSuchCommand) else None
    message = f"{error.message} Did you mean '{near[0]}'?" if near else error.format_message()
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "interbank"
    moved = ["Nothing was sent."] if moves_money else []
    lines = [headline("usage", _lower_first(message)), *moved, f"{command} --help"]
    body = error_body("USAGE", message, hint=f"{command} --help", moved=False if moves_money else None)
    return Ended(error.exit_code, lines, body)


def interrupted() -> Ended:
    """Ctrl-C, where the command had nothing better to say."""
    return Ended(INTERRUPTED, ["interrupted."], error_body("INTERRUPTED", "interrupted"))


def failed(error: OSError) -> Ended:
    """A file or folder that the system would not give."""
    where = f" {error.filename}" if error.filename else ""
    message = f"{(error.strerror or 'the system refused').lower()}{f':{where}' if where else ''}"
    return Ended(EXIT_CODES[Kind.BROKEN], [headline("error", message)], error_body("SYSTEM", message))


def wants_json(arguments: Sequence[str], from_environment: str) -> bool:
    """Whether errors are to be JSON. Read from the words themselves, since a wrong one stops the parser before it has
    come to know the form."""
    form = from_environment
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word in ("-o", "--output"):
            form = following
        elif word.startswith("--output="):
            form = word.partition("=")[2]
        elif word.startswith("-o") and not word.startswith("--"):
            form = word[2:]
    return form == "json"


def sentence(text: str) -> str:
    """Words as a sentence: a capital letter first, a full stop last. What begins with a command or a path is to be
    copied, and stays as it is."""
    text = text.strip()
    if not text or _is_to_be_copied(text.split()[0]):
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".:!?" else ".")


def _is_to_be_copied(word: str) -> bool:
    return word in _PROGRAMS or "/" in word or word.startswith(("-", "~", "."))


def _hint(hint: str) -> tuple[str, str]:
    """A hint as a sentence and a command; either may be empty."""
    told, found, command = hint.partition("interbank ")
    if found and (not told or told.rstrip().endswith((":", "?"))):
        return sentence(told), found + command
    return sentence(hint), ""


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def _with_flag(message: str, reason: Reason, field: str) -> str:
    """Name the flag before the value that it carried: `0.001 has 3 decimals` is `--amount 0.001 has 3 decimals`."""
    about_a_value = reason.kind is Kind.MALFORMED and field and (message[:1].isdigit() or message.startswith('"'))
    return f"--{field.replace('_', '-')} {message}" if about_a_value else message
