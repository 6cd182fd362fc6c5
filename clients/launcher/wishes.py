"""What a person may ask of `up`, and what network comes of it. No input or output."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from clients.launcher.network import Network, new_network
from interbank.refusals import Reason, Refused

DEFAULT_BANKS = "NORTH,SOUTH,EAST"
DEFAULT_CURRENCY = "EUR"
DEFAULT_PORT_BASE = 50050
_ROOM_TO_GROW = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed. None, or nothing, leaves it as it is; a new network takes the default.

    `banks` and `added` are written NORTH or NORTH:USD. `port_base` 0 lets us find free ports, once.
    """

    banks: tuple[str, ...] | None = None
    added: tuple[str, ...] = ()
    currency: str | None = None
    port_base: int | None = None
    counter: bool | None = None
    listen: str | None = None
    names: tuple[str, ...] = ()
    session_days: int | None = None


def decide(known: Network | None, wish: Wish, now: datetime, choose_block: Callable[[int], int]) -> Network:
    """The network that shall be: `known`, or a new one, with what is wished. `choose_block` finds free ports in a row.

    A network that has banks gets another one only by `added`: a typing error must never make a bank.
    Raises Refused: UNKNOWN_BANK, CURRENCY_CHANGED, BANK_ID_MALFORMED, CURRENCY_UNKNOWN, HOST_MALFORMED, PORT_MALFORMED,
    PORT_TAKEN.
    """
    network = known or _begun(wish, now, choose_block)
    if network.banks:
        _check_known(network, wish)
        wanted = wish.added
    else:
        wanted = (*(DEFAULT_BANKS.split(",") if wish.banks is None else wish.banks), *wish.added)
    if wish.port_base and wish.port_base != network.port_base:
        network = network.moved_to(wish.port_base)
    for bank, currency in _parsed(wanted):
        network = _with_bank(network, bank, currency or wish.currency or network.currency)
    return replace(
        network,
        counter=network.counter if wish.counter is None else wish.counter,
        listen=wish.listen or network.listen,
        session_days=wish.session_days or network.session_days,
        names=tuple(dict.fromkeys((*network.names, *wish.names))),
    ).checked()


def _begun(wish: Wish, now: datetime, choose_block: Callable[[int], int]) -> Network:
    base = DEFAULT_PORT_BASE if wish.port_base is None else wish.port_base
    if base == 0:
        base = choose_block(2 + len(wish.banks or DEFAULT_BANKS.split(",")) + len(wish.added) + _ROOM_TO_GROW)
    return new_network(now, wish.currency or DEFAULT_CURRENCY, base)


def _check_known(network: Network, wish: Wish) -> None:
    for bank, currency in _parsed(wish.banks or ()):
        member = network.member(bank)
        if member is None:
            raise Refused(
                Reason.UNKNOWN_BANK,
                f"no bank {bank} in this network, which has {', '.join(one.bank for one in network.banks)}",
                field="banks",
                hint=f"nothing was started. To make a new bank on purpose: interbank up --add-bank {bank}",
            )
        _check_currency(bank, member.currency, currency)
    if wish.currency and wish.currency != network.currency and not wish.added:
        other = f"a new bank may have another: interbank up --add-bank NAME:{wish.currency}"
        raise _currency_changed(f"the banks of this network were made with {network.currency}", other)


def _with_bank(network: Network, bank: str, currency: str) -> Network:
    member = network.member(bank)
    if member is None:
        return network.with_bank(bank, currency)
    _check_currency(bank, member.currency, currency)
    return network


def _check_currency(bank: str, present: str, wished: str) -> None:
    if wished and wished != present:
        other = f"for {wished} make one of another name: interbank up --add-bank NAME:{wished}"
        raise _currency_changed(f"{bank} is there already and was made with {present}, not {wished}", other)


def _currency_changed(message: str, other: str) -> Refused:
    hint = f"a bank keeps its currency for ever; {other}"
    return Refused(Reason.CURRENCY_CHANGED, message, field="currency", hint=hint)


def _parsed(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        bank, _, currency = text.strip().partition(":")
        yield bank, currency
