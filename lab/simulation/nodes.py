"""The processes of the simulated network: the real gateway and the real banks on a virtual disk and network."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bank_service.schema
import gateway_service.schema
from bank_service.assembly import assemble
from bank_service.joining import keep_joined
from bank_service.settings import BankSettings
from gateway_service.bank_port import BankPort, GrpcBankPort
from gateway_service.gateway import Gateway
from gateway_service.servicers.network import NetworkServicer
from interbank.instruction_log import InstructionLog
from interbank.surroundings import Surroundings
from lab.passwords import PlainPasswords
from lab.simulation.clock import VirtualClock
from lab.simulation.disk import Disk, Storage, VirtualDatabase, draw_sync
from lab.simulation.network import Channel, Network, Served
from lab.simulation.plan import BANKS
from lab.simulation.process import Process, Trace
from protos.v1 import bank_pb2_grpc, gateway_pb2_grpc, network_pb2_grpc

CURRENCY = "EUR"


class _Lines:
    """Where a process' lines about instructions go: into the timeline."""

    def __init__(self, name: str, trace: Trace) -> None:
        self._name = name
        self._trace = trace

    def write(self, text: str) -> None:
        for line in text.splitlines():
            self._trace(self._name, " ".join(line.split()[2:]))

    def flush(self) -> None:
        pass


@dataclass
class Site:
    """What the nodes of one history share. `slow_sync` is the probability that a sync takes long."""

    chance: random.Random
    network: Network
    trace: Trace
    crashed: Callable[[Process], None]
    slow_sync: float = 0.0
    clock: VirtualClock = field(default_factory=VirtualClock)
    databases: list[VirtualDatabase] = field(default_factory=list)

    def around(self, process: Process, disk: Storage) -> Surroundings:
        """What a process is handed."""
        database = VirtualDatabase(disk, process, draw_sync(self.chance, self.slow_sync))
        self.databases.append(database)
        stream: Any = _Lines(process.name, self.trace)
        log = InstructionLog(process.name, self.clock, stream)
        return Surroundings(database, self.clock, PlainPasswords(), self.chance.randbytes, self.chance, log)


def empty_gateway() -> Disk:
    """The disk of a gateway that never ran, or whose disk is gone."""
    return _empty("gateway").copy()


def empty_bank() -> Disk:
    """The disk of a bank that never ran."""
    return _empty("bank").copy()


@functools.cache
def _empty(service: str) -> Disk:
    """Made once, since it takes longer than a history."""
    return Disk.empty({"bank": bank_service.schema.SCHEMA, "gateway": gateway_service.schema.SCHEMA}[service])


def start_gateway(site: Site, name: str, disk: Storage) -> Process:
    """A gateway on a disk. It serves when it has taken up what is not final."""
    process = Process(name, site.trace, site.crashed)

    def connect(bank: str, _address: str) -> BankPort:
        channel: Any = Channel(site.network, process, bank)
        return GrpcBankPort(bank, channel)

    def superseded(text: str) -> None:
        site.trace(name, f"stops for good: {text}")
        process.die()

    async def run() -> None:
        gateway = Gateway(site.around(process, disk), connect, superseded, idle_limit_days=30, members=BANKS)
        await gateway.found()
        served: Any = Served()
        gateway_pb2_grpc.add_PaymentServiceServicer_to_server(gateway.payments, served)
        gateway_pb2_grpc.add_SessionServiceServicer_to_server(gateway.logins, served)
        gateway_pb2_grpc.add_AccountServiceServicer_to_server(gateway.accounts, served)
        gateway_pb2_grpc.add_AdminServiceServicer_to_server(gateway.admin, served)
        network_pb2_grpc.add_NetworkServiceServicer_to_server(NetworkServicer(gateway.directory), served)
        resumed = await gateway.start()
        process.gateway = gateway
        site.trace(name, f"serves, {resumed} transfers taken up")
        site.network.serve(name, process, served)

    process.spawn(run())
    return process


def start_bank(site: Site, bank: str, disk: Storage, gateway: str) -> Process:
    """A bank on a disk, that joins this gateway."""
    process = Process(bank, site.trace, site.crashed)

    async def run() -> None:
        settings = BankSettings(bank, CURRENCY, counter_open=True, operator_admitted=True)
        opened, servicer = assemble(settings, site.around(process, disk))
        await opened.found()
        served: Any = Served()
        bank_pb2_grpc.add_BankServiceServicer_to_server(servicer, served)
        site.network.serve(bank, process, served)
        site.trace(bank, "serves")
        channel: Any = Channel(site.network, process, gateway)
        await keep_joined(channel, f"{bank}:1", CURRENCY, site.chance)

    process.spawn(run())
    return process
