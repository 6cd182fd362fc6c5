"""The file that remembers what was decided about a network: HOME/network.toml."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from clients.launcher.network import LOOPBACK, MOST_SESSION_DAYS, SESSION_DAYS, Member, Network
from interbank.currencies import decimals
from interbank.orders import check_bank_id
from interbank.private_files import replace_file
from interbank.refusals import Reason, Refused


def read_network(path: Path) -> Network | None:
    """The network that the file remembers, or None where there is no file. Raises Refused(FILE_MALFORMED)."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _from_toml(tomllib.loads(content.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, _Unreadable, Refused) as error:
        raise Refused(
            Reason.FILE_MALFORMED,
            f"{path} cannot be read: {error}",
            hint="correct that line, or put the last copy of the file back; nothing was started",
        ) from error


def write_network(path: Path, network: Network) -> None:
    """Replace the file by one that remembers this network: wholly or, should the power fail, not at all."""
    replace_file(path, _to_toml(network).encode())


class _Unreadable(Exception):
    """The file is TOML, but not what it should be."""


def _to_toml(network: Network) -> str:
    lines = [
        "# Written by interbank up. What this network is; all else in this directory can be told from it.",
        f"created = {_text(network.created)}",
        f"currency = {_text(network.currency)}",
        f"port_base = {network.port_base}",
        f"listen = {_text(network.listen)}",
        f"names = [{', '.join(map(_text, network.names))}]",
        f"counter = {'true' if network.counter else 'false'}",
        f"session_days = {network.session_days}",
    ]
    for member in network.banks:
        lines += ["", f"[banks.{member.bank}]", f"currency = {_text(member.currency)}", f"port = {member.port}"]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    # JSON's escapes are a subset of those of a TOML basic string.
    return json.dumps(value)


def _from_toml(document: Mapping[str, Any]) -> Network:
    known = {field.name for field in fields(Network)}
    _only(document, known, "")
    banks = _get(document, "banks", dict, {})
    network = Network(
        created=_get(document, "created", str),
        currency=_currency(document),
        port_base=_get(document, "port_base", int),
        listen=_get(document, "listen", str, LOOPBACK),
        names=tuple(_texts(_get(document, "names", list, []))),
        counter=_get(document, "counter", bool, False),
        session_days=_session_days(document),
        banks=tuple(_member(bank, settings) for bank, settings in banks.items()),
    )
    return network.checked()


def _member(bank: str, settings: Any) -> Member:
    check_bank_id(bank, f"banks.{bank}")
    if not isinstance(settings, dict):
        raise _Unreadable(f"[banks.{bank}] is not a table")
    _only(settings, {"currency", "port"}, f" of [banks.{bank}]")
    return Member(bank, _currency(settings), _get(settings, "port", int))


def _session_days(document: Mapping[str, Any]) -> int:
    days: int = _get(document, "session_days", int, SESSION_DAYS)
    if not 1 <= days <= MOST_SESSION_DAYS:
        raise _Unreadable(f'"session_days" should be 1 to {MOST_SESSION_DAYS}')
    return days


def _currency(table: Mapping[str, Any]) -> str:
    currency: str = _get(table, "currency", str)
    decimals(currency)
    return currency


def _only(table: Iterable[str], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise _Unreadable(f'unknown key "{unknown[0]}"{where}; known are {", ".join(sorted(known))}')


def _get(table: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = table.get(key, default)
    if value is None:
        raise _Unreadable(f'key "{key}" is missing')
    if type(value) is not kind:  # in TOML true is no number, though in Python it is an int
        raise _Unreadable(f'"{key}" should be {_KINDS[kind]}')
    return value


def _texts(values: Iterable[Any]) -> Iterable[str]:
    for value in values:
        if not isinstance(value, str):
            raise _Unreadable('"names" should hold texts alone')
        yield value


_KINDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}
