"""What a client remembers: whole or not at all, for its owner alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from certs.authority import Pair, create_authority
from clients.state.orders import NOT_ACCEPTED, SENT, OrderFiles
from clients.state.places import client_directory, find_network
from clients.state.sessions import KnownAccount, SavedSession, SessionFile
from interbank.orders import Order, Purpose
from interbank.refusals import Reason
from tests.refusing import refused

ORDER = Order("NORTH", 1001, "SOUTH", 1001, "bob", 1234, "EUR", "rent", "k1")
ID = "39f2ddad7cda168097352375df4de119"
SESSION = SavedSession(
    "alice", "secret-token", "network-1", "2027-01-01T00:00:00Z", (KnownAccount("NORTH", 1001, "EUR"),)
)


def test_an_order_is_kept_with_its_key_before_it_is_sent_and_after(tmp_path: Path) -> None:
    orders = OrderFiles(tmp_path)
    saved = orders.save(ID, "user:alice", ORDER)
    assert saved.state == NOT_ACCEPTED

    orders.note(saved, SENT, final=False)
    assert [(one.state, one.order) for one in OrderFiles(tmp_path).open("user:alice")] == [(SENT, ORDER)]

    orders.note(saved, "COMPLETED", final=True)
    assert orders.open("user:alice") == []
    assert [(one.state, one.order) for one in orders.find("39f2")] == [("COMPLETED", ORDER)]


def test_an_order_that_may_have_left_is_not_made_new_by_saving_it_again(tmp_path: Path) -> None:
    orders = OrderFiles(tmp_path)
    orders.note(orders.save(ID, "user:alice", ORDER), SENT, final=False)
    assert orders.save(ID, "user:alice", ORDER).state == SENT


def test_orders_of_another_user_or_purpose_are_not_among_ones_own(tmp_path: Path) -> None:
    orders = OrderFiles(tmp_path)
    orders.save(ID, "user:alice", ORDER)
    orders.save("ff" * 16, "user:alice", ORDER, Purpose.DEPOSIT)
    assert [saved.transfer_id for saved in orders.open("user:alice")] == [ID]
    assert orders.open("user:bob") == []
    assert [saved.transfer_id for saved in orders.open("user:alice", Purpose.DEPOSIT)] == ["ff" * 16]


def test_the_same_payment_is_the_same_whatever_its_key(tmp_path: Path) -> None:
    saved = OrderFiles(tmp_path).save(ID, "user:alice", ORDER)
    assert saved.same_payment(replace(ORDER, idempotency_key="other"))
    assert not saved.same_payment(replace(ORDER, minor_units=1235))


def test_a_crash_between_two_places_leaves_one_order_with_its_end(tmp_path: Path) -> None:
    orders = OrderFiles(tmp_path)
    saved = orders.save(ID, "user:alice", ORDER)
    (before,) = tmp_path.glob("orders/open/*.json")
    content = before.read_bytes()
    orders.note(saved, "COMPLETED", final=True)
    before.write_bytes(content)
    assert [one.state for one in orders.find(ID)] == ["COMPLETED"]


def test_a_forgotten_order_is_gone(tmp_path: Path) -> None:
    orders = OrderFiles(tmp_path)
    orders.forget(orders.save(ID, "user:alice", ORDER))
    assert orders.find(ID) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"order": {}}', '{"order": 7}'])
def test_a_damaged_order_is_said_to_be_damaged(tmp_path: Path, content: str) -> None:
    orders = OrderFiles(tmp_path)
    orders.save(ID, "user:alice", ORDER)
    (path,) = tmp_path.glob("orders/open/*.json")
    path.write_text(content)
    with refused(Reason.FILE_MALFORMED):
        orders.open("user:alice")


def test_files_and_directories_are_for_their_owner_alone(tmp_path: Path) -> None:
    OrderFiles(tmp_path / "client" / "p").save(ID, "user:alice", ORDER)
    SessionFile(tmp_path / "client" / "p").write(SESSION)
    for path in (tmp_path / "client").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_session_lasts_and_belongs_to_one_network(tmp_path: Path) -> None:
    SessionFile(tmp_path).write(SESSION)
    assert SessionFile(tmp_path).read("network-1") == SESSION
    assert SessionFile(tmp_path).read("network-2") is None
    SessionFile(tmp_path).forget()
    assert SessionFile(tmp_path).read("network-1") is None


def test_a_session_file_that_others_could_read_is_refused(tmp_path: Path) -> None:
    SessionFile(tmp_path).write(SESSION)
    (tmp_path / "session.json").chmod(0o640)
    with refused(Reason.KEY_FILE_UNSAFE):
        SessionFile(tmp_path).read("network-1")


def test_a_token_is_in_no_text_form_of_a_session() -> None:
    assert "secret-token" not in repr(SESSION) + str(SESSION)


def test_a_client_elsewhere_needs_an_address_and_the_ca(tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    create_authority(Pair(ca / "ca.crt", ca / "ca.key"))
    (tmp_path / "network.toml").write_text('[gateway]\ncustomers = "pay.example.org:50051"\n')

    found = find_network(tmp_path)
    assert found.address == "pay.example.org:50051"
    assert found.authority == (ca / "ca.crt").read_bytes()
    assert find_network(tmp_path, gateway="other:1").address == "other:1"
    assert find_network(tmp_path / "nowhere", gateway="other:1", ca=ca / "ca.crt").fingerprint == found.fingerprint


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with refused(Reason.HOME_EMPTY):
        find_network(tmp_path)
    with refused(Reason.HOME_EMPTY):
        find_network(tmp_path, gateway="localhost:1", ca=tmp_path / "ca.crt")
    (tmp_path / "network.toml").write_text("[gateway")
    with refused(Reason.FILE_MALFORMED):
        find_network(tmp_path)


def test_state_lies_under_the_home_that_was_named_else_in_the_users_own(tmp_path: Path) -> None:
    assert client_directory(Path("/h"), tmp_path, "p") == Path("/h/client/p")
    assert client_directory(None, tmp_path, "p") == tmp_path / "client" / "p"


def test_a_session_of_an_older_shape_is_damaged_and_not_guessed_at(tmp_path: Path) -> None:
    SessionFile(tmp_path).write(SESSION)
    kept = json.loads((tmp_path / "session.json").read_text())
    (tmp_path / "session.json").write_text(json.dumps({**kept, "surprise": 1}))
    with refused(Reason.FILE_MALFORMED):
        SessionFile(tmp_path).read("network-1")
