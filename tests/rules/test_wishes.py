"""What network comes of what was typed after `interbank up`."""

from datetime import UTC, datetime

import pytest

from clients.launcher.network import Network
from clients.launcher.wishes import Wish, decide
from interbank.refusals import Reason, Refused

NOW = datetime(2026, 11, 22, 14, 2, 11, tzinfo=UTC)


def up(known: Network | None = None, **wished: object) -> Network:
    def choose_block(length: int) -> int:
        assert length >= 5
        return 23_000

    return decide(known, Wish(**wished), NOW, choose_block)  # type: ignore[arg-type]


def banks(network: Network) -> list[tuple[str, str, int]]:
    return [(member.bank, member.currency, member.port) for member in network.banks]


def test_a_new_network_has_three_banks_on_the_documented_ports() -> None:
    network = up()

    assert network.customers_address == "localhost:50051"
    assert banks(network) == [("NORTH", "EUR", 50052), ("SOUTH", "EUR", 50053), ("EAST", "EUR", 50054)]
    assert not network.counter
    assert network.created == "2026-11-22T14:02:11+00:00"


def test_each_bank_of_a_new_network_may_have_its_own_currency() -> None:
    assert banks(up(banks=("NORTH", "SOUTH:USD"), currency="JPY")) == [
        ("NORTH", "JPY", 50052),
        ("SOUTH", "USD", 50053),
    ]


def test_free_ports_are_chosen_once_and_kept() -> None:
    network = up(port_base=0)

    assert network.port_base == 23_000
    assert up(network, port_base=0) == network


def test_the_same_words_again_change_nothing() -> None:
    words = {"banks": ("NORTH", "SOUTH:USD"), "added": ("EAST",), "port_base": 6000, "counter": True, "names": ("pay",)}
    network = up(**words)

    assert up(network, **words) == network
    assert up(network) == network


def test_a_typing_error_never_makes_a_bank() -> None:
    with pytest.raises(Refused) as refused:
        up(up(), banks=("NORTH", "SOTUH"))

    assert refused.value.reason is Reason.UNKNOWN_BANK
    assert "SOTUH" in refused.value.message
    assert "--add-bank SOTUH" in refused.value.hint


def test_a_bank_is_added_on_purpose_and_keeps_the_others_where_they_are() -> None:
    assert banks(up(up(), added=("WEST:USD",))) == [*banks(up()), ("WEST", "USD", 50055)]


def test_a_network_without_banks_yet_takes_those_that_are_named() -> None:
    network = up(banks=("NORTH",))
    empty = Network(created=network.created, currency="EUR", port_base=50050)

    assert up(empty, banks=("LAKE",)).member("LAKE") is not None
    assert [bank for bank, _, _ in banks(up(empty))] == ["NORTH", "SOUTH", "EAST"]


@pytest.mark.parametrize("wished", [{"banks": ("NORTH:USD",)}, {"added": ("NORTH:USD",)}, {"currency": "USD"}])
def test_a_bank_keeps_its_currency(wished: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        up(up(), **wished)

    assert refused.value.reason is Reason.CURRENCY_CHANGED
    assert refused.value.hint.endswith("interbank up --add-bank NAME:USD")


def test_settings_that_are_not_named_stay() -> None:
    network = up(counter=True, listen="192.0.2.7", names=("pay.example.org",))

    again = up(network, names=("bank.example.org",))

    assert (again.counter, again.listen) == (True, "192.0.2.7")
    assert again.names == ("pay.example.org", "bank.example.org")
    assert not up(network, counter=False).counter
    assert up(network, listen="localhost").listen == "localhost"


def test_the_idle_limit_of_sessions_is_remembered_until_another_is_wished() -> None:
    assert up().session_days == 30
    network = up(up(), session_days=7)

    assert up(network).session_days == 7
    assert up(network, session_days=1).session_days == 1


def test_a_network_can_move_to_other_ports() -> None:
    assert [port for _, _, port in banks(up(up(), port_base=51050))] == [51052, 51053, 51054]


@pytest.mark.parametrize(
    ("wished", "reason"),
    [
        ({"banks": ("north",)}, Reason.BANK_ID_MALFORMED),
        ({"banks": ("NORTH", "")}, Reason.FIELD_REQUIRED),
        ({"banks": ("NORTH:EURO",)}, Reason.CURRENCY_UNKNOWN),
        ({"currency": "EURO"}, Reason.CURRENCY_UNKNOWN),
        ({"port_base": 65534}, Reason.PORT_MALFORMED),
        ({"listen": "0.0.0.0:80"}, Reason.HOST_MALFORMED),
        ({"names": ("pay example",)}, Reason.HOST_MALFORMED),
    ],
)
def test_what_cannot_be_meant_makes_no_network(wished: dict[str, object], reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        up(**wished)

    assert refused.value.reason is reason
