"""What a server is handed at its start, so that a test or a simulation can hand it something else."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from interbank.clock import Clock
from interbank.instruction_log import InstructionLog
from interbank.passwords import Passwords
from interbank.storage.database import Database


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Storage, time, passwords, randomness that guards secrets (`entropy`), randomness that only spreads retries
    (`chance`), and where the lines about instructions go."""

    database: Database
    clock: Clock
    passwords: Passwords
    entropy: Callable[[int], bytes]
    chance: random.Random
    log: InstructionLog
