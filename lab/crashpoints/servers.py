"""The gateway and the banks as processes, with points around what they are handed.

Each is forked from a parent that has imported all of this and opened nothing: no connection, no thread, no database.
"""

import asyncio
import contextlib
import os
import random
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection

from bank_service.server import BankServer
from bank_service.settings import BankSettings
from gateway_service.bank_port import BankPort
from gateway_service.server import GatewayServer, over_tls
from interbank.clock import SystemClock
from interbank.instruction_log import InstructionLog
from interbank.process import SWITCH_SECONDS, stop_at_once
from interbank.storage.database import ThreadedDatabase
from interbank.surroundings import Surroundings
from interbank.telemetry import start_log
from lab.crashpoints.points import Points
from lab.crashpoints.seams import NEWEST_RECORD, NEWEST_TRANSFER, PointedCalls, PointedDatabase, PointedPort
from lab.home import CURRENCY, GATEWAY, Home
from lab.passwords import PlainPasswords
from lab.planted.names import planted


@dataclass(frozen=True, slots=True)
class Seat:
    """Which server, and where: `listen` has one address for a bank, and for the gateway the customers' and the banks'.
    `bug` is a defect of lab.planted, or empty."""

    home: Home
    name: str
    listen: tuple[str, ...]
    gateway: str = ""
    bug: str = ""


def serve(seat: Seat, tester: Connection) -> None:
    """Be that server until killed, or until nobody holds the other end of `tester`; sends there where it listens."""
    log = os.open(seat.home.folder / f"{seat.name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, sys.stderr.fileno())
    start_log(seat.name)
    sys.setswitchinterval(SWITCH_SECONDS)
    with planted(seat.bug) if seat.bug else contextlib.nullcontext():
        asyncio.run(_serve(seat, tester))


async def _serve(seat: Seat, tester: Connection) -> None:
    asyncio.get_running_loop().add_reader(tester.fileno(), lambda: os._exit(0))
    points = Points(seat.home.folder, seat.name)
    tester.send(await (_gateway if seat.name == GATEWAY else _bank)(seat, points))
    await asyncio.get_running_loop().create_future()


async def _gateway(seat: Seat, points: Points) -> tuple[str, ...]:
    identity = seat.home.identity(GATEWAY)
    dial = over_tls(identity)

    def connect(bank: str, address: str) -> BankPort:
        return PointedPort(bank, dial(bank, address), points)

    around = _around(seat, points, NEWEST_TRANSFER)
    server = GatewayServer(identity, around, idle_limit_days=30, connect=connect, inside=[PointedCalls(points)])
    customers, banks = seat.listen
    listening = await server.start(customers, banks)
    return listening.customers, listening.banks


async def _bank(seat: Seat, points: Points) -> tuple[str, ...]:
    settings = BankSettings(seat.name, CURRENCY, counter_open=True, operator_admitted=True)
    around = _around(seat, points, NEWEST_RECORD)
    server = BankServer(settings, seat.home.identity(seat.name), around, inside=[PointedCalls(points)])
    (listen,) = seat.listen
    return (await server.start(listen, seat.gateway),)


def _around(seat: Seat, points: Points, newest: str) -> Surroundings:
    database = ThreadedDatabase(seat.home.database(seat.name), broken=stop_at_once)
    chance, clock = random.Random(), SystemClock()  # noqa: S311  spreads retries, guards nothing
    log = InstructionLog(seat.name, clock)
    return Surroundings(PointedDatabase(database, points, newest), clock, PlainPasswords(), os.urandom, chance, log)
