"""Promises that were found broken. Each stands here until it is kept, then moves to the file that it belongs to."""

from interbank.refusals import Reason
from tests.refusing import refused
from tests.world import Caller, World


async def test_a_new_account_in_an_old_name_is_not_bound_without_the_session_of_who_has_the_name(world: World) -> None:
    """alice's account at NORTH was closed; later the bank opens one for somebody else under that name. She still has
    SOUTH, so it takes her session to bind it: else he would be her, with all her payments to read."""
    operator = await world.operator()
    alice = await world.customer("alice", "NORTH", "SOUTH")
    await operator.set_status("NORTH", alice.accounts["NORTH"], "CLOSED")
    his = await operator.open_account("NORTH", alice.username, password="the password of another")
    with refused(Reason.USERNAME_TAKEN, field="username"):
        await Caller(world).register(alice.username, "NORTH", his, "the password of another")
