"""PaymentService: orders, and what became of them."""

import re
from collections.abc import AsyncIterator, Iterable, Sequence

from gateway_service import transfer as life
from gateway_service.pipeline import Pipeline
from gateway_service.rendering import Rendering
from gateway_service.sessions import Session, Sessions
from gateway_service.storage import find_by_ids, find_by_keys, find_by_prefix, list_transfers
from gateway_service.submission import Orderer, Submission, bank_by_operator, customer
from gateway_service.underway import Group, Known, Underway
from interbank.clock import Clock
from interbank.instruction_log import InstructionLog, milliseconds
from interbank.money import amount_text
from interbank.orders import MAX_ORDERS, Order, user_principal
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from interbank.rpc.translate import order_from
from interbank.storage.database import Database
from interbank.telemetry import request_id
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

MAX_WAIT = 10.0
"""Seconds that a call waits for its transfers to be final."""

_TO_ANSWER = 0.25
"""Seconds of a caller's deadline that are kept for the answer."""

MAX_PAGE, USUAL_PAGE = 200, 50
_HEX_PREFIX = re.compile(r"[0-9a-f]{4,32}", re.ASCII)


class PaymentServicer(gateway_pb2_grpc.PaymentServiceServicer):
    """The customers' side of payments."""

    def __init__(
        self,
        sessions: Sessions,
        submission: Submission,
        pipeline: Pipeline,
        rendering: Rendering,
        database: Database,
        clock: Clock,
        log: InstructionLog,
    ) -> None:
        self._sessions = sessions
        self._submission = submission
        self._pipeline = pipeline
        self._rendering = rendering
        self._database = database
        self._clock = clock
        self._log = log

    async def Transfer(self, request: gateway_pb2.TransferRequest, context: Context) -> gateway_pb2.TransferResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        orderer = customer(session.username, session.access)
        (known,) = await self._submit(context, orderer, [order_from(request.order)], patient=False, wait=MAX_WAIT)
        if isinstance(known, Refused):
            raise known
        response = gateway_pb2.TransferResponse()
        self._rendering.write(known, response.transfer)
        if isinstance(known, Underway) and known.balance_after is not None:
            response.balance_after = known.balance_after
        return response

    async def SubmitTransfers(
        self, request: gateway_pb2.SubmitTransfersRequest, context: Context
    ) -> gateway_pb2.SubmitTransfersResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        orderer = _orderer(session, request.on_authority_of_bank)
        if not 1 <= len(request.orders) <= MAX_ORDERS:
            raise Refused(Reason.TOO_MANY_ITEMS, f"{len(request.orders)} orders: 1 to {MAX_ORDERS} are allowed",
                          field="orders")  # fmt: skip
        orders = [order_from(order) for order in request.orders]
        wait = min(MAX_WAIT, max(0, request.wait_seconds))
        answers = await self._submit(context, orderer, orders, patient=request.patient, wait=wait)
        response = gateway_pb2.SubmitTransfersResponse()
        for answer in answers:
            self._write_submission(answer, response.submissions.add())
        return response

    async def GetTransfers(
        self, request: gateway_pb2.GetTransfersRequest, context: Context
    ) -> gateway_pb2.GetTransfersResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        principal = _orderer(session, request.on_authority_of_bank).principal
        if len(request.transfer_ids) + len(request.idempotency_keys) > MAX_ORDERS:
            raise Refused(Reason.TOO_MANY_ITEMS, f"at most {MAX_ORDERS} ids and keys together", field="transfer_ids")
        whose = None if session.is_operator and not request.on_authority_of_bank else principal
        found: dict[bytes, life.Transfer] = {}
        if request.transfer_ids:
            by_id = await self._database.read(lambda c: find_by_ids(c, request.transfer_ids))
            found |= {identity: t for identity, t in by_id.items() if whose in (None, t.principal)}
        if request.idempotency_keys:
            keys = [(principal, key) for key in request.idempotency_keys]
            by_key = await self._database.read(lambda c: find_by_keys(c, keys))
            found |= {transfer.transfer_id: transfer for transfer in by_key.values()}
        if request.id_prefix:
            low, high = _prefix_range(request.id_prefix)
            ranged = await self._database.read(lambda c: find_by_prefix(c, low, high, principal=whose, limit=MAX_PAGE))
            found |= {transfer.transfer_id: transfer for transfer in ranged}
        return gateway_pb2.GetTransfersResponse(transfers=self._messages(found.values()))

    async def ListTransfers(
        self, request: gateway_pb2.ListTransfersRequest, context: Context
    ) -> gateway_pb2.ListTransfersResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        principal = user_principal(session.username)
        transfers, token = await self.page(
            principal, request.page_size, request.page_token, unfinished_only=request.unfinished_only
        )
        return gateway_pb2.ListTransfersResponse(transfers=transfers, next_page_token=token)

    async def Watch(
        self, request: gateway_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[gateway_pb2.WatchResponse]:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        known = await self._find(session, request.transfer_id)
        while isinstance(known, Underway) and not known.finished:
            change = known.next_change()
            yield gateway_pb2.WatchResponse(transfer=self._rendering.transfer(known))
            await change.wait()
        yield gateway_pb2.WatchResponse(transfer=self._rendering.transfer(known))

    async def resume(self, session: Session, transfer_id: bytes) -> order_pb2.Transfer:
        """Let a transfer go on if it is suspended."""
        known = await self._find(session, transfer_id)
        return self._rendering.transfer(await self._pipeline.resume_suspended(known))

    async def page(
        self, principal: str | None, size: int, token: str, *, unfinished_only: bool
    ) -> tuple[list[order_pb2.Transfer], str]:
        """A page of one principal's transfers, or of all, and where the next one begins."""
        limit, before = page_of(size, token)
        rows = await self._database.read(
            lambda connection: list_transfers(
                connection, principal=principal, unfinished_only=unfinished_only, before=before, limit=limit + 1
            )
        )
        shown = rows[:limit]
        return self._messages(transfer for _, transfer in shown), str(shown[-1][0]) if len(rows) > limit else ""

    async def _submit(
        self, context: Context, orderer: Orderer, orders: Sequence[Order], *, patient: bool, wait: float
    ) -> list[Known | Refused]:
        begun = self._clock.monotonic()
        answers = await self._submission.submit(orderer, orders, patient=patient)
        spent = milliseconds(self._clock.monotonic() - begun, len(orders))
        self._log.write(_lines(orderer, answers, context.peer(), spent))
        remaining = context.time_remaining()
        seconds = wait if remaining is None else min(wait, remaining - _TO_ANSWER)
        underways = [answer for answer in answers if isinstance(answer, Underway)]
        group = Group()
        for underway in underways:
            group.wait_for(underway)
        try:
            await group.wait(seconds)
        finally:
            group.leave(underways)
        return answers

    async def _find(self, session: Session, transfer_id: bytes) -> Known:
        underway = self._pipeline.find(transfer_id)
        transfer = underway.transfer if underway else None
        if transfer is None:
            found = await self._database.read(lambda connection: find_by_ids(connection, [transfer_id]))
            transfer = found.get(transfer_id)
        if transfer is None or not (session.is_operator or transfer.principal == user_principal(session.username)):
            raise Refused(Reason.TRANSFER_NOT_FOUND, field="transfer_id")
        return underway or transfer

    def _messages(self, transfers: Iterable[life.Transfer]) -> list[order_pb2.Transfer]:
        return [
            self._rendering.transfer(self._pipeline.find(transfer.transfer_id) or transfer) for transfer in transfers
        ]

    def _write_submission(self, answer: Known | Refused, message: gateway_pb2.Submission) -> None:
        if not isinstance(answer, Refused):
            self._rendering.write(answer, message.transfer)
            return
        message.not_accepted.reason = answer.reason.name
        message.not_accepted.message = answer.message
        message.not_accepted.field = answer.field
        message.not_accepted.try_again = answer.reason.try_again


def _orderer(session: Session, bank: str) -> Orderer:
    if not bank:
        return customer(session.username, session.access)
    if not session.is_operator:
        raise Refused(Reason.NOT_ALLOWED, "only the network's operator may order on a bank's authority")
    return bank_by_operator(bank, session.username)


def _prefix_range(prefix: str) -> tuple[bytes, bytes]:
    """The lowest and the highest id that begin with these hexadecimal digits."""
    if not _HEX_PREFIX.fullmatch(prefix):
        raise Refused(
            Reason.TRANSFER_ID_MALFORMED,
            f'"{prefix[:40]}" is not the beginning of a transfer id',
            field="id_prefix",
            hint="4 to 32 hexadecimal digits",
        )
    return bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))


def page_of(size: int, token: str) -> tuple[int, int]:
    """Page size and starting point of a list request. Raises Refused(PAGE_MALFORMED)."""
    if not 0 <= size <= MAX_PAGE:
        raise Refused(Reason.PAGE_MALFORMED, f"page size {size}: 1 to {MAX_PAGE} are allowed", field="page_size")
    if token and not (token.isascii() and token.isdigit() and len(token) < 19):
        raise Refused(Reason.PAGE_MALFORMED, "the page token is not one of ours", field="page_token")
    return size or USUAL_PAGE, int(token or 0)


def _lines(orderer: Orderer, answers: Sequence[Known | Refused], peer: str, spent: str) -> list[str]:
    end = f"{orderer.principal} {peer}  {spent}  {request_id.get()}"
    return [f"Submit        {_line(answer)}  {end}" for answer in answers]


def _line(answer: Known | Refused) -> str:
    if isinstance(answer, Refused):
        return f"-         -  not accepted {answer.reason.name}"
    transfer = answer.transfer if isinstance(answer, Underway) else answer
    amount = amount_text(transfer.order.minor_units, transfer.order.currency)
    return f"{transfer.transfer_id.hex()[:8]}  {amount}  {transfer.state.value}"
