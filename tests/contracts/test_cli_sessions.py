"""Registering, logging in and out; and where the token is kept, and who never sees it."""

import asyncio
import json
from pathlib import Path

import pytest

from certs.authority import Pair as Identity
from certs.authority import create_authority
from tests.command_line import CommandLine, Pair
from tests.world import PASSWORD, World

NEW = "a new long password of mine"


async def test_from_an_opened_account_to_a_balance_in_three_commands(network: World) -> None:
    operator = await network.operator()
    account = await operator.open_account("NORTH", "newcomer", 5_00)
    line = CommandLine(network, "newcomer")

    at = ["--username", "newcomer", "--bank", "NORTH", "--account", str(account)]
    registered = await line("register", *at, "--password-file", "-", stdin=f"{PASSWORD}\n")
    await line.login("newcomer")
    balance = await line("balance", "-o", "json")

    assert registered.code == 0, registered.err
    assert registered.err == "interbank login --username newcomer\n"
    assert balance.json == [
        {
            "bank": "NORTH", "account": str(account), "username": "newcomer", "name": "customer", "status": "OPEN",
            "balance": "5.00", "currency": "EUR", "reason": "",
        }
    ]  # fmt: skip


async def test_the_token_is_kept_for_its_owner_alone_and_lasts_across_commands(pair: Pair) -> None:
    kept = pair.line.directory / "session.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert pair.line.directory.stat().st_mode & 0o777 == 0o700
    assert (await pair.line("whoami", "-o", "json")).json["username"] == pair.alice.username
    token = json.loads(kept.read_text())["token"]
    for command in ("whoami", "sessions", "balance"):
        ending = await pair.line(command, "-o", "json")
        assert token not in ending.out + ending.err


async def test_a_session_file_that_others_can_read_is_not_used(pair: Pair) -> None:
    (pair.line.directory / "session.json").chmod(0o644)
    ending = await pair.line("balance")
    assert ending.code == 1
    assert "can be read by others. KEY_FILE_UNSAFE" in ending.err


async def test_profiles_know_nothing_of_each_other(network: World, pair: Pair) -> None:
    stranger = CommandLine(network, f"{pair.line.profile}-stranger")
    ending = await stranger("balance")
    assert ending.code == 4
    assert ending.err.splitlines() == [
        "not logged in: nobody is logged in here. NOT_LOGGED_IN",
        "interbank login --username NAME",
    ]


@pytest.mark.parametrize("profile", ["../other", "", ".hidden", "a/b"])
async def test_a_profile_cannot_climb_out_of_its_directory(pair: Pair, profile: str) -> None:
    ending = await pair.line("balance", "--profile", profile)
    assert ending.code == 2
    assert "cannot name a profile" in ending.err


async def test_another_network_gets_neither_token_nor_name(pair: Pair, tmp_path: Path) -> None:
    await asyncio.to_thread(create_authority, Identity(tmp_path / "ca.crt", tmp_path / "ca.key"))
    foreign = ["--ca", str(tmp_path / "ca.crt")]

    logged_out = await pair.line("balance", *foreign)
    login = await pair.line("login", "--username", pair.alice.username, "--password-file", "-", *foreign, stdin=NEW)

    assert logged_out.code == 4, "the token belongs to the network that gave it"
    assert login.code == 1
    assert "belongs to another network" in login.err
    assert "Nothing was sent, not even your name." in login.err


async def test_a_wrong_password_and_an_unknown_name_are_told_in_the_same_words(pair: Pair) -> None:
    wrong = await pair.line("login", "--username", pair.bob.username, "--password-file", "-", stdin="wrong")
    unknown = await pair.line("login", "--username", "nobody-at-all", "--password-file", "-", stdin="wrong")
    assert (wrong.code, unknown.code) == (4, 4)
    assert wrong.err == unknown.err
    assert wrong.err.splitlines() == [
        "not allowed: user name or password is wrong. WRONG_CREDENTIALS",
        "New in this network?",
        "interbank register --help",
    ]


async def test_who_is_refused_is_not_sent_back_to_the_command_that_refused(network: World) -> None:
    wrong = "no such password at all\n"
    registering = ["register", "--username", "zoe", "--bank", "NORTH", "--account", "77", "--password-file", "-"]
    operator = ["login", "--username", "admin", "--password-file", "-"]
    fresh = CommandLine(network, "fresh")

    register, admin = [await fresh(*words, stdin=wrong) for words in (registering, operator)]

    assert (register.code, admin.code) == (4, 4)
    assert "interbank" not in register.err
    assert "as the bank gave them" in register.err
    assert "interbank register" not in admin.err


async def test_a_bank_of_ones_own_that_is_mistyped_is_guessed(pair: Pair) -> None:
    words = pair.order("1.00")
    words[words.index("NORTH")] = "NROTH"

    ending = await pair.line(*words)

    assert ending.code == 3
    assert "no bank NROTH in this network. Did you mean NORTH? UNKNOWN_BANK" in ending.err


async def test_without_a_terminal_a_password_is_never_asked_for(pair: Pair) -> None:
    ending = await pair.line("login", "--username", pair.alice.username)
    assert ending.code == 2
    assert "there is no terminal to ask at" in ending.err
    assert "--password-file" in ending.err


async def test_a_password_file_loses_one_newline_and_no_more(network: World) -> None:
    operator = await network.operator()
    password = "a password with a newline\n"
    account = await operator.open_account("NORTH", "newline", password=password)
    line = CommandLine(network, "newline")
    at = ["register", "--username", "newline", "--bank", "NORTH", "--account", str(account)]
    file = line.put("password.txt", f"{password}\n")

    assert (await line(*at, "--password-file", "-", stdin=password)).code == 4
    assert (await line(*at, "--password-file", str(file))).code == 0


async def test_sessions_are_listed_and_a_lost_one_is_ended(network: World, pair: Pair) -> None:
    laptop = await CommandLine(network, f"{pair.line.profile}-laptop").login(pair.alice)
    mine = (await laptop("sessions", "-o", "json")).json
    lost = next(one["session_id"] for one in (await pair.line("sessions", "-o", "json")).json if one["current"])

    ending = await laptop("sessions", "--revoke", lost, "-o", "json")

    assert len(ending.json) == len(mine) - 1
    assert (await pair.line("balance")).code == 4
    assert (await laptop("balance")).code == 0


async def test_logout_ends_the_session_here_and_at_the_gateway(pair: Pair) -> None:
    kept = (pair.line.directory / "session.json").read_text()
    assert (await pair.line("logout")).code == 0
    assert (await pair.line("balance")).code == 4
    pair.line.put("session.json", kept).chmod(0o600)
    ending = await pair.line("balance")
    assert ending.code == 4, "the gateway forgot it too"
    assert ending.err.splitlines()[-1] == f"interbank login --username {pair.alice.username}"


async def test_a_password_is_changed_and_the_old_one_is_worth_nothing(pair: Pair) -> None:
    old, new = pair.line.put("old.txt", PASSWORD), pair.line.put("new.txt", f"{NEW}\n")
    short = pair.line.put("short.txt", "too short")
    files = ["--password-file", str(old), "--new-password-file"]

    refused = await pair.line("password", *files, str(short))
    changed = await pair.line("password", *files, str(new))

    assert (refused.code, changed.code) == (2, 0)
    assert "PASSWORD_TOO_SHORT" in refused.err
    assert (await pair.line("login", "--username", pair.alice.username, "--password-file", str(old))).code == 4
    assert (await pair.line("login", "--username", pair.alice.username, "--password-file", str(new))).code == 0


async def test_an_account_at_a_second_bank_is_added_to_the_session(network: World, pair: Pair) -> None:
    operator = await network.operator()
    account = await operator.open_account("SOUTH", pair.alice.username, 7_00)
    at = ["--username", pair.alice.username, "--bank", "SOUTH"]
    assert (
        await pair.line("register", *at, "--account", str(account), "--password-file", "-", stdin=PASSWORD)
    ).code == 0

    before = await pair.line("balance")
    assert f"interbank login --username {pair.alice.username} --bank SOUTH shows its balance" in before.err

    await pair.line.login(pair.alice, bank="SOUTH")
    after = (await pair.line("balance", "-o", "json")).json
    assert [(one["bank"], one["balance"]) for one in after] == [("NORTH", "100.00"), ("SOUTH", "7.00")]
    assert (await pair.line("balance", "--bank", "SOUTH", "-o", "json")).json["balance"] == "7.00"
