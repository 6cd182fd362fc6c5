"""What the gateway can ask of a bank, and how: over gRPC with mutual TLS. A simulation brings its own BankPort."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc

from interbank.instructions import Evidence, Head, Instruction, Outcome, OutcomeKind
from interbank.orders import Order
from interbank.refusals import Reason, Refused
from interbank.rpc.status import cause, from_rpc_error
from interbank.rpc.translate import head_from, head_message, order_from, outcome_from, write_instruction
from interbank.telemetry import REQUEST_ID_KEY, request_id
from interbank.values import value
from protos.v1 import bank_pb2, bank_pb2_grpc

T = TypeVar("T")

DEADLINE = 2.0
"""Seconds that a bank has to answer a question."""

PER_ITEM = 0.005
"""Seconds more for each item of a batch."""


class Unknown(Exception):
    """A bank gave no answer. That decides nothing: ask again. `cause` is in words for people."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class BankDescription:
    """Who a bank is and what it has done last."""

    bank: str
    currency: str
    head: Head
    epoch: int
    counterpart_heads: dict[str, Head]
    last_entry_id: int


@value
class OpenDebit:
    """A debit that its bank holds to be neither settled nor returned."""

    transfer_id: bytes
    fingerprint: bytes
    order: Order
    principal: str
    debit: Evidence


class BankPort(Protocol):
    """A bank, as the gateway's links see it. Every method raises Unknown when no answer came, or Refused."""

    @property
    def reachable(self) -> bool:
        """Whether the transport holds a connection now."""
        ...

    async def describe(self) -> BankDescription:
        """Who it is."""
        ...

    async def open_session(self, epoch: int, instance: bytes, known_heads: Sequence[Head]) -> bytes:
        """Begin a session; returns its id."""
        ...

    async def post(self, session_id: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
        """Carry out a batch."""
        ...

    async def list_open(self, after_record_id: int, session_id: bytes = b"") -> tuple[list[OpenDebit], bool]:
        """A page of open debits, and whether there are more; within a session, if one is named."""
        ...

    async def call(self, method: str, request: Any, *, deadline: float = DEADLINE) -> Any:
        """Any other rpc of BankService, message in and message out."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


async def list_all_open(port: BankPort, session_id: bytes = b"") -> list[OpenDebit]:
    """Every open debit of a bank, oldest first. Raises Unknown or Refused."""
    found: list[OpenDebit] = []
    more = True
    while more:
        page, more = await port.list_open(found[-1].debit.head.record_id if found else 0, session_id)
        found.extend(page)
    return found


class GrpcBankPort:
    """A BankPort over one gRPC channel, kept for as long as the bank stays where it is."""

    def __init__(self, bank: str, channel: grpc.aio.Channel) -> None:
        self._bank = bank
        self._channel = channel
        self._stub = bank_pb2_grpc.BankServiceStub(channel)
        self._open_calls: list[Any] = []
        """Calls of Post that wait for their next batch."""

    @property
    def reachable(self) -> bool:
        """See BankPort."""
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def describe(self) -> BankDescription:
        """See BankPort."""
        answer: bank_pb2.DescribeResponse = await self.call("Describe", bank_pb2.DescribeRequest())
        return BankDescription(
            answer.bank,
            answer.currency,
            head_from(answer.head),
            answer.epoch,
            {seen.bank: head_from(seen.head) for seen in answer.counterpart_heads},
            answer.last_entry_id,
        )

    async def open_session(self, epoch: int, instance: bytes, known_heads: Sequence[Head]) -> bytes:
        """See BankPort."""
        request = bank_pb2.OpenSessionRequest(
            epoch=epoch, instance=instance, known_heads=[head_message(head) for head in known_heads]
        )
        answer: bank_pb2.OpenSessionResponse = await self.call("OpenSession", request)
        return answer.session_id

    async def post(self, session_id: bytes, instructions: Sequence[Instruction]) -> list[Outcome]:
        """See BankPort."""
        request = bank_pb2.PostRequest(session_id=session_id)
        for instruction in instructions:
            write_instruction(instruction, request.instructions.add())
        deadline = DEADLINE + PER_ITEM * len(instructions)
        answer = await self._converse(request, deadline)
        outcomes = [outcome_from(message) for message in answer.outcomes]
        if [outcome.transfer_id for outcome in outcomes] != [i.transfer_id for i in instructions]:
            raise Unknown("the answer does not fit the question")
        return outcomes

    async def list_open(self, after_record_id: int, session_id: bytes = b"") -> tuple[list[OpenDebit], bool]:
        """See BankPort."""
        request = bank_pb2.ListOpenRequest(after_record_id=after_record_id, page_size=1000, session_id=session_id)
        answer: bank_pb2.ListOpenResponse = await self.call("ListOpen", request)
        debits = [
            OpenDebit(
                debit.transfer_id,
                debit.fingerprint,
                order_from(debit.order),
                debit.principal,
                Evidence(self._bank, OutcomeKind.DEBITED, head_from(debit.head)),
            )
            for debit in answer.open_debits
        ]
        return debits, answer.more

    async def call(self, method: str, request: Any, *, deadline: float = DEADLINE) -> Any:
        """See BankPort."""
        rpc: Callable[..., Awaitable[Any]] = getattr(self._stub, method)
        with _explaining():
            return await rpc(request, timeout=deadline, metadata=_metadata())

    async def _converse(self, request: bank_pb2.PostRequest, deadline: float) -> bank_pb2.PostResponse:
        """Send a batch over a call that is open, or a new one, and take in its answer. A call that did not answer is
        used no more: what it still brings would be taken for the answer to another batch."""
        call = self._open_calls.pop() if self._open_calls else self._stub.Post(metadata=_metadata())
        answer: Any = grpc.aio.EOF
        try:
            with _explaining():
                async with asyncio.timeout(deadline):
                    await call.write(request)
                    answer = await call.read()
        finally:
            if answer is grpc.aio.EOF:
                call.cancel()
            else:
                self._open_calls.append(call)
        if not isinstance(answer, bank_pb2.PostResponse):
            raise Unknown("the bank has ended the call")
        return answer

    async def close(self) -> None:
        """See BankPort."""
        await self._channel.close()


def _metadata() -> tuple[tuple[str, str], ...]:
    return ((REQUEST_ID_KEY, request_id.get()),)


@contextlib.contextmanager
def _explaining() -> Iterator[None]:
    """What goes wrong with a call, as Unknown or Refused."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _explained(error) from None
    except TimeoutError:
        raise Unknown("no answer in time") from None
    except (grpc.aio.UsageError, asyncio.InvalidStateError):
        raise Unknown("the connection was closed") from None  # by us, before the call, or by the bank between two
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Unknown("the connection was closed") from None  # by us, because the bank has moved


_NO_ANSWER = {Reason.GATEWAY_UNREACHABLE, Reason.GATEWAY_OVERLOADED, Reason.INTERNAL}


def _explained(error: grpc.aio.AioRpcError) -> Unknown | Refused:
    """No status decides anything about money; only refusals that a bank wrote out are told from no answer."""
    refused = from_rpc_error(error)
    if refused.reason in _NO_ANSWER:
        return Unknown(cause(error))
    return refused
