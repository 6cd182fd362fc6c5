"""Starts the payment gateway: python -m gateway_service …"""

import argparse
import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path

from certs.credentials import read_credentials
from gateway_service.schema import SCHEMA
from gateway_service.server import GatewayServer
from interbank.clock import SystemClock
from interbank.instruction_log import InstructionLog
from interbank.passwords import BcryptPasswords
from interbank.process import ProcessLock, run_process, stop_at_once, stop_requested
from interbank.storage.database import ThreadedDatabase
from interbank.storage.schema import check_database
from interbank.surroundings import Surroundings
from interbank.telemetry import start_log


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the network until SIGTERM."""
    arguments = _arguments(argv)
    start_log("gateway")
    run_process(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    identity = read_credentials(arguments.certificate, arguments.key, arguments.authority)
    check_database(arguments.database, SCHEMA)
    lock = ProcessLock(arguments.database)

    database = ThreadedDatabase(arguments.database, broken=stop_at_once)
    passwords = BcryptPasswords()
    chance = random.Random()  # noqa: S311  spreads retries, guards nothing
    clock = SystemClock()
    around = Surroundings(database, clock, passwords, os.urandom, chance, InstructionLog("gateway", clock))
    members = [bank for bank in arguments.members.split(",") if bank]
    server = GatewayServer(identity, around, idle_limit_days=arguments.idle_limit_days, members=members)
    listening = await server.start(arguments.listen_customers, arguments.listen_banks)
    lock.announce({"name": "gateway", "customers": listening.customers, "banks": listening.banks})

    told, ended = asyncio.create_task(stop_requested()), asyncio.create_task(server.ended())
    await asyncio.wait([told, ended], return_when=asyncio.FIRST_COMPLETED)
    failed = ended.done()
    ended.cancel()
    await server.stop()
    database.close()
    passwords.close()
    if failed:
        await ended


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="interbank-gateway", description="Serve the payment gateway.")
    parser.add_argument("--database", required=True, type=Path, metavar="FILE")
    parser.add_argument("--certificate", required=True, type=Path, metavar="FILE")
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help="mode 0600")
    parser.add_argument("--authority", required=True, type=Path, metavar="FILE", help="the network's CA certificate")
    parser.add_argument("--listen-customers", required=True, metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--listen-banks", required=True, metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--idle-limit-days", type=int, default=30, metavar="N", help="a session unused so long ends")
    parser.add_argument(
        "--members", default="", metavar="BANK,BANK", help="the network's banks; a repair waits for each of them"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
