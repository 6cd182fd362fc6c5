"""A bank put together, without anything that listens."""

from bank_service.account_acts import AccountActs
from bank_service.credentials import Credentials
from bank_service.operations import Bank
from bank_service.repair import Repair
from bank_service.servicer import BankServicer
from bank_service.settings import BankSettings
from bank_service.standing import Standing
from interbank.surroundings import Surroundings


def assemble(settings: BankSettings, around: Surroundings) -> tuple[Bank, BankServicer]:
    """The bank, and the servicer that speaks for it."""
    database, clock, standing = around.database, around.clock, Standing()
    bank = Bank(settings, database, clock, around.entropy, standing)
    servicer = BankServicer(
        settings,
        bank,
        AccountActs(settings, database, clock, standing),
        Credentials(settings, database, around.passwords, clock, around.entropy, standing),
        Repair(settings, database, clock, standing),
        around.passwords,
        database,
        clock,
        around.log,
    )
    return bank, servicer
