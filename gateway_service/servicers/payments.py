"""PaymentService: orders, and what became of them."""

import re
from collections.abc import AsyncIterator, Iterable

from gateway_service import transfer as life
from gateway_service.pipeline import Pipeline
from gateway_service.rendering import Rendering
from gateway_service.servicers.intake import Intake, orderer_of
from gateway_service.servicers.streaming import Requests, Streams
from gateway_service.sessions import Session, Sessions
from gateway_service.storage import find_by_ids, find_by_keys, find_by_prefix, list_transfers
from gateway_service.underway import MAX_WAIT, Group, Known, Underway
from interbank.orders import MAX_ORDERS, user_principal
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from interbank.storage.database import Database
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

_TO_ANSWER = 0.25
"""Seconds of a caller's deadline that are kept for the answer."""

MAX_PAGE, USUAL_PAGE = 200, 50
_HEX_PREFIX = re.compile(r"[0-9a-f]{4,32}", re.ASCII)


class PaymentServicer(gateway_pb2_grpc.PaymentServiceServicer):
    """The customers' side of payments."""

    def __init__(
        self,
        sessions: Sessions,
        intake: Intake,
        streams: Streams,
        pipeline: Pipeline,
        rendering: Rendering,
        database: Database,
    ) -> None:
        self._sessions = sessions
        self._intake = intake
        self._streams = streams
        self._pipeline = pipeline
        self._rendering = rendering
        self._database = database

    async def Transfer(self, request: gateway_pb2.TransferRequest, context: Context) -> gateway_pb2.TransferResponse:
        """See gateway.proto."""
        (known,) = await self._intake.take(context, [request.order], patient=False)
        await _until_final([known], MAX_WAIT, context)
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
        answers = await self._intake.take(
            context, request.orders, on_authority_of_bank=request.on_authority_of_bank, patient=request.patient
        )
        await _until_final(answers, min(MAX_WAIT, max(0, request.wait_seconds)), context)
        response = gateway_pb2.SubmitTransfersResponse()
        for answer in answers:
            self._rendering.write_submission(answer, response.submissions.add())
        return response

    async def StreamTransfers(  # type: ignore[override]  # a coroutine that writes: see Door
        self, request_iterator: Requests, context: Context
    ) -> None:
        """See gateway.proto."""
        await self._streams.serve(request_iterator, context)

    async def GetTransfers(
        self, request: gateway_pb2.GetTransfersRequest, context: Context
    ) -> gateway_pb2.GetTransfersResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        principal = orderer_of(session, request.on_authority_of_bank).principal
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


async def _until_final(answers: Iterable[Known | Refused], wait: float, context: Context) -> None:
    """Wait until all that was accepted is final, `wait` seconds at most and never past the caller's deadline."""
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
