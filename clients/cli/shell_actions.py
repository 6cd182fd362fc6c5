"""What the menu can do. Each action asks its questions and returns the words of a command, or nothing to go back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clients.cli.asking import Asking
from clients.cli.output import group_digits, say
from clients.sdk.records import Account
from interbank.money import Money, parse_money
from interbank.orders import check_username
from interbank.refusals import Refused

Words = list[str]


@dataclass(frozen=True, slots=True)
class View:
    """What the menu knows: who is logged in, his accounts and their currencies by bank, whom he paid lately, and the
    banks of the network."""

    username: str
    accounts: Sequence[Account] = ()
    payees: Sequence[str] = ()
    banks: Sequence[str] = ()
    currencies: Mapping[str, str] = field(default_factory=dict)


def pay(asking: Asking, view: View) -> Words | None:
    """Ask for payee, amount and reference, and show what will be left."""
    account = _own_account(asking, view, "From")
    payee = _payee(asking, view) if account else None
    if account is None or payee is None:
        return None
    bank, number, name = payee
    amount = _amount(asking, view, account)
    if amount is None:
        return None
    reference = asking.ask("Reference (may be empty):")
    payer = f"{account.bank} {account.account}{_left(account, amount)}"
    if not asking.yes(f"Pay {_read(amount)} to {name}, {bank} {number}, from {payer}?", word="pay"):
        return None
    words = [
        "transfer", "--from", account.bank, "--to-bank", bank, "--to-account", number, "--to-name", name, "--amount",
        amount.decimal,
    ]  # fmt: skip
    return [*words, "--reference", reference] if reference else words


def accounts(_asking: Asking, _view: View) -> Words | None:
    """The user's accounts."""
    return ["accounts"]


def statement(asking: Asking, view: View) -> Words | None:
    """The movements of one account."""
    account = _own_account(asking, view, "Of")
    return ["statement", "--bank", account.bank, "--limit", "20"] if account else None


def pay_file(asking: Asking, view: View) -> Words | None:
    """All lines of a file."""
    account = _own_account(asking, view, "From")
    file = asking.ask_for_file("File (columns to_bank,to_account,to_name,amount,reference):") if account else ""
    return ["pay-file", file, "--from", account.bank] if account and file else None


def payments(asking: Asking, _view: View) -> Words | None:
    """One payment in detail, or the list of all."""
    start = asking.ask("Transfer id to look into (empty: the list of all):")
    return ["status", start] if start else ["transfers", "--limit", "20"]


def cash(asking: Asking, view: View) -> Words | None:
    """Cash in or out at the counter."""
    choice = asking.ask("[d] deposit  [w] withdraw  [n] back >").lower()
    command = {"d": "deposit", "w": "withdraw"}.get(choice)
    account = _own_account(asking, view, "At") if command else None
    amount = _amount(asking, view, account) if account else None
    return [command, "--bank", account.bank, "--amount", amount.decimal] if command and account and amount else None


def sessions(asking: Asking, view: View) -> Words | None:
    """Sessions, passwords, and logging in at a further bank."""
    choice = asking.ask("[l] list sessions  [b] log in at another bank  [p] password  [o] log out  [n] back >").lower()
    if choice == "b":
        bank = asking.ask("Bank:", known=[account.bank for account in view.accounts])
        return ["login", "--username", view.username, "--bank", bank] if bank else None
    if choice == "p":
        account = _own_account(asking, view, "At")
        return ["password", "--bank", account.bank] if account else None
    return {"l": ["sessions"], "o": ["logout"]}.get(choice)


def log_in(asking: Asking, _view: View) -> Words | None:
    """Log in."""
    username = _username(asking)
    return ["login", "--username", username] if username else None


def register(asking: Asking, view: View) -> Words | None:
    """Bind an account."""
    username = _username(asking)
    bank = asking.ask("Bank:", known=view.banks) if username else ""
    account = asking.ask("Account number:") if bank else ""
    return ["register", "--username", username, "--bank", bank, "--account", account] if account else None


def banks(_asking: Asking, _view: View) -> Words | None:
    """The banks of the network."""
    return ["banks"]


def open_account(asking: Asking, view: View) -> Words | None:
    """Open an account, by the operator."""
    bank = asking.ask("Bank:", known=view.banks)
    username = _username(asking) if bank else ""
    deposit = asking.ask("Opening deposit (empty: none):") if username else ""
    if not username:
        return None
    return [
        "admin",
        "open-account",
        "--bank",
        bank,
        "--username",
        username,
        *(["--deposit", deposit] if deposit else []),
    ]


def add_money(asking: Asking, view: View) -> Words | None:
    """Add money to an account, by the operator."""
    bank = asking.ask("Bank:", known=view.banks)
    account = asking.ask("Account number:") if bank else ""
    amount = asking.ask("Amount:") if account else ""
    return ["admin", "add-money", "--bank", bank, "--account", account, "--amount", amount] if amount else None


def bank_accounts(asking: Asking, view: View) -> Words | None:
    """All accounts of a bank, for the operator."""
    bank = asking.ask("Bank:", known=view.banks)
    return ["admin", "accounts", "--bank", bank] if bank else None


def in_doubt(_asking: Asking, _view: View) -> Words | None:
    """Payments that are not final, for the operator."""
    return ["admin", "transfers", "--in-doubt"]


def operator_password(_asking: Asking, _view: View) -> Words | None:
    """The operator's own password."""
    return ["admin", "password"]


def log_out(_asking: Asking, _view: View) -> Words | None:
    """Log out."""
    return ["logout"]


def _own_account(asking: Asking, view: View, word: str) -> Account | None:
    """The one account, or the one that is chosen by its bank."""
    if len(view.accounts) == 1:
        return view.accounts[0]
    choices = {account.bank: account for account in view.accounts}
    answer = asking.ask(f"{word} ({', '.join(choices)}):", known=choices).upper()
    if answer and answer not in choices:
        say(f"you have no account at {answer}")
    return choices.get(answer)


def _payee(asking: Asking, view: View) -> tuple[str, str, str] | None:
    while answer := asking.ask("To (bank account name; Tab: people you paid):", known=view.payees):
        parts = answer.split()
        if len(parts) == 3 and parts[1].isdecimal():
            return parts[0].upper(), parts[1], parts[2]
        say("Three words, please, for example: SOUTH 1001 bob")
    return None


def _amount(asking: Asking, view: View, account: Account) -> Money | None:
    currency = view.currencies[account.bank]
    while answer := asking.ask(f"Amount in {currency}:"):
        try:
            return parse_money(answer, currency)
        except Refused as refused:
            say(f"{refused.message}; {refused.hint}")
    return None


def _username(asking: Asking) -> str:
    while answer := asking.ask("User name:"):
        try:
            check_username(answer)
        except Refused as refused:
            say(f"{refused.message}; {refused.hint}")
            continue
        return answer
    return ""


def _left(account: Account, amount: Money) -> str:
    if account.balance is None or account.balance.minor_units < amount.minor_units:
        return f" ({_read(account.balance)} there)" if account.balance else ""
    left = Money(account.balance.minor_units - amount.minor_units, amount.currency)
    return f" ({group_digits(account.balance.decimal)} → {group_digits(left.decimal)})"


def _read(money: Money) -> str:
    return f"{group_digits(money.decimal)} {money.currency}"
