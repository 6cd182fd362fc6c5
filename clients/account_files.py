"""Files of accounts to open. No input or output."""

import re

from clients.csv_files import Fault, Line, MalformedFile, read_lines
from clients.sdk.records import NewAccount
from interbank.money import MAX_MINOR_UNITS, parse_decimal
from interbank.orders import MAX_ACCOUNT, check_username
from interbank.refusals import Refused

COLUMNS = ("account", "username", "deposit")

_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


def parse_accounts(content: bytes, currency: str) -> list[NewAccount]:
    """The accounts of a file, in its order; a deposit of 0.00 is none. Raises MalformedFile with every fault."""
    lines, faults = read_lines(content, required=COLUMNS)
    accounts: list[NewAccount] = []
    first: dict[tuple[str, str], int] = {}
    for line in lines:
        found = _faults(line, currency)
        for column in ("account", "username"):
            value = line.values[column].lstrip("0") if column == "account" else line.values[column]
            before = first.setdefault((column, value), line.number)
            if before != line.number and value:
                found.append(Fault(line.number, column, f'"{line.values[column]}" stands on line {before} too'))
        faults += found
        if not found:
            accounts.append(_account(line, currency))
    if faults:
        raise MalformedFile(sorted(faults, key=lambda fault: fault.line))
    return accounts


def _account(line: Line, currency: str) -> NewAccount:
    deposit = parse_decimal(line.values["deposit"], currency).minor_units
    return NewAccount(line.values["username"], int(line.values["account"]), deposit)


def _faults(line: Line, currency: str) -> list[Fault]:
    number, username, deposit = (line.values[column] for column in COLUMNS)
    faults = []
    if not _NUMBER.fullmatch(number) or not 1 <= int(number) <= MAX_ACCOUNT:
        faults.append(Fault(line.number, "account", f'"{number[:40]}" is not an account number from 1 up'))
    try:
        check_username(username)
    except Refused as refused:
        faults.append(Fault(line.number, "username", f"{refused.message}; {refused.hint}".removesuffix("; ")))
    try:
        amount = parse_decimal(deposit, currency).minor_units
        if not 0 <= amount <= MAX_MINOR_UNITS:
            faults.append(Fault(line.number, "deposit", f"{deposit} is not between 0 and the largest amount"))
    except Refused as refused:
        faults.append(Fault(line.number, "deposit", f"{refused.message}; {refused.hint}"))
    return faults
