"""Passwords are hashed behind the back of those who pay."""

import os
import sys

import pytest

from interbank.passwords import BcryptPasswords


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the niceness of a thread")
async def test_a_thread_that_hashes_steps_back_behind_payments_and_no_other_does() -> None:
    passwords = BcryptPasswords(cost=4)
    before = os.nice(0)
    try:
        theirs = await passwords._run(lambda: os.nice(0))
    finally:
        passwords.close()
    assert before < theirs or before == 19
    assert os.nice(0) == before
