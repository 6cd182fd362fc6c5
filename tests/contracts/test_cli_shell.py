"""The menu: it asks, it shows what will happen, and it does nothing that a script could not."""

from tests.command_line import CommandLine, Pair
from tests.world import World


async def in_shell(line: CommandLine, *answers: str) -> tuple[str, str]:
    """Answer the menu's questions in turn; returns what was printed and what was said."""
    ending = await line("shell", stdin="\n".join([*answers, ""]))
    assert ending.code == 0, ending.err
    return ending.out, ending.err


async def test_a_payment_from_the_menu_shows_what_will_be_left_and_its_script_form(pair: Pair) -> None:
    payee = f"SOUTH {pair.bob.accounts['SOUTH']} {pair.bob.username}"
    printed, said = await in_shell(pair.line, "1", "bob", payee, "12,34", "12.34", "the rent", "y", "q")

    mine = pair.alice.accounts["NORTH"]
    assert f"{pair.alice.username}     NORTH {mine}   100.00 EUR" in said
    assert "Three words, please, for example: SOUTH 1001 bob" in said
    assert '"12,34" is not an amount; write 12.34' in said
    assert f"from NORTH {mine} (100.00 → 87.66)?   [y] pay  [n] back >" in said
    assert printed.startswith("COMPLETED    12.34 EUR")
    account = pair.bob.accounts["SOUTH"]
    assert (
        f"in a script: interbank transfer --from NORTH --to-bank SOUTH --to-account {account} --to-name "
        f"{pair.bob.username} --amount 12.34 --reference 'the rent'" in said
    )
    assert f"NORTH {mine}   87.66 EUR" in said, "the menu shows what is left"
    assert await pair.balances() == (87_66, 12_34)


async def test_no_is_no(pair: Pair) -> None:
    payee = f"SOUTH {pair.bob.accounts['SOUTH']} {pair.bob.username}"
    printed, said = await in_shell(pair.line, "1", payee, "1", "", "n", "q")
    assert printed == ""
    assert "in a script" not in said
    assert await pair.balances() == (100_00, 0)


async def test_every_point_of_the_menu_leads_somewhere_and_back(pair: Pair) -> None:
    file = pair.line.put("none.csv", "to_bank,to_account,to_name,amount,reference\n")
    _, said = await in_shell(
        pair.line, "2", "3", "4", str(file), "5", "", "6", "d", "5.00", "6", "n", "7", "l", "7", "n", "?", "", "q"
    )
    for script in (
        "interbank accounts",
        "interbank statement --bank NORTH --limit 20",
        f"interbank pay-file {file} --from NORTH",
        "interbank transfers --limit 20",
        "interbank deposit --bank NORTH --amount 5.00",
        "interbank sessions",
    ):
        assert f"in a script: {script}\n" in said
    assert "?? One of 1, 2, 3, 4, 5, 6, 7, or q" in said


async def test_an_error_is_shown_as_elsewhere_and_the_menu_goes_on(pair: Pair) -> None:
    payee = f"SOUTH {pair.bob.accounts['SOUTH']} mallory"
    _, said = await in_shell(pair.line, "1", payee, "1", "", "y", "2", "q")
    assert 'is not in the name of "mallory". PAYEE_NAME_MISMATCH' in said
    assert "in a script: interbank accounts" in said


async def test_a_stranger_can_look_at_the_banks(network: World) -> None:
    printed, said = await in_shell(CommandLine(network, "stranger"), "3", "q")
    assert said.startswith("nobody is logged in")
    assert "1 Log in     2 Register an account     3 Banks     q Quit" in said
    assert "SOUTH" in printed


async def test_the_operator_has_a_menu_of_his_own(network: World) -> None:
    admin = await CommandLine(network, "shell-admin").login("admin", password="1234")
    printed, said = await in_shell(admin, "2", "NORTH", "4", "5")
    assert "1 Open an account" in said
    assert "clearing" in printed
    assert "in a script: interbank admin transfers --in-doubt" in said


async def test_the_options_of_the_shell_reach_its_commands(network: World, pair: Pair) -> None:
    nobody = CommandLine(network, "nobody-here")
    ending = await nobody("shell", "--profile", pair.line.profile, stdin="2\nq\n")
    assert f"in a script: interbank accounts --profile {pair.line.profile}" in ending.err
    assert "NORTH" in ending.out
