"""Starts one bank: python -m bank_service --bank NORTH …"""

import argparse
import os
import random
from collections.abc import Sequence
from pathlib import Path

from bank_service.schema import SCHEMA
from bank_service.server import BankServer
from bank_service.settings import BankSettings
from certs.credentials import read_credentials
from interbank.addresses import check_address
from interbank.clock import SystemClock
from interbank.currencies import decimals
from interbank.instruction_log import InstructionLog
from interbank.orders import check_bank_id
from interbank.passwords import BcryptPasswords
from interbank.process import ProcessLock, run_process, stop_at_once, stop_requested
from interbank.storage.database import ThreadedDatabase
from interbank.storage.schema import check_database
from interbank.surroundings import Surroundings
from interbank.telemetry import start_log


def main(argv: Sequence[str] | None = None) -> None:
    """Serve one bank until SIGTERM."""
    arguments = _arguments(argv)
    start_log(arguments.bank)
    run_process(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    check_bank_id(arguments.bank)
    decimals(arguments.currency)
    if arguments.advertise:
        check_address(arguments.advertise)
    settings = BankSettings(arguments.bank, arguments.currency, arguments.counter, arguments.admit_operator)
    identity = read_credentials(arguments.certificate, arguments.key, arguments.authority)
    check_database(arguments.database, SCHEMA)
    lock = ProcessLock(arguments.database)

    database = ThreadedDatabase(arguments.database, broken=stop_at_once)
    passwords = BcryptPasswords()
    chance = random.Random()  # noqa: S311  spreads retries, guards nothing
    clock = SystemClock()
    around = Surroundings(database, clock, passwords, os.urandom, chance, InstructionLog(settings.bank, clock))
    server = BankServer(settings, identity, around)
    address = await server.start(arguments.listen, arguments.gateway, arguments.advertise)
    lock.announce({"name": settings.bank, "address": address})

    await stop_requested()
    await server.stop()
    database.close()
    passwords.close()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="interbank-bank", description="Serve one bank.")
    parser.add_argument("--bank", required=True, metavar="ID", help="2 to 11 of A-Z 0-9, for example NORTH")
    parser.add_argument("--currency", required=True, metavar="CODE", help="ISO 4217, for example EUR")
    parser.add_argument("--database", required=True, type=Path, metavar="FILE")
    parser.add_argument("--certificate", required=True, type=Path, metavar="FILE")
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="mode 0600")
    parser.add_argument("--authority", required=True, type=Path, metavar="FILE", help="the network's CA certificate")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument(
        "--advertise", default="", metavar="HOST:PORT", help="where the gateway finds the bank, if not where it listens"
    )
    parser.add_argument("--gateway", required=True, metavar="HOST:PORT", help="where the gateway listens for banks")
    parser.add_argument("--counter", action="store_true", help="customers may deposit and withdraw cash")
    parser.add_argument("--admit-operator", action="store_true", help="take the operator's acts from the gateway")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
