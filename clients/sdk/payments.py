"""Paying, and asking what became of it."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace

from clients.sdk import wire
from clients.sdk.connection import Connection, new_request_id
from clients.sdk.portions import LARGEST_BATCH, portions
from clients.sdk.records import NotAccepted, Transfer
from interbank.orders import Order
from protos.v1 import gateway_pb2, gateway_pb2_grpc, order_pb2

_PAY_SECONDS = 20.0  # the gateway answers after 10 at most
_ASK_SECONDS = 10.0
_WATCH_SECONDS = 3600.0
_STREAM_SECONDS = 3600.0


class Payments:
    """Orders and transfers of whoever is logged in. Every method raises Refused; those that pay, Unanswered too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = gateway_pb2_grpc.PaymentServiceStub(connection.channel)

    def transfer(self, order: Order) -> Transfer:
        """Pay, and wait up to 10 s for the end. The same order under the same key is answered from the record."""
        request, request_id = gateway_pb2.TransferRequest(order=wire.order_message(order)), new_request_id()
        answer = self._connection.change(self._stub.Transfer, request, timeout=_PAY_SECONDS, request_id=request_id)
        transfer = wire.transfer(answer.transfer, answer.balance_after if answer.HasField("balance_after") else None)
        return replace(transfer, request_id=request_id)

    def submit(
        self, orders: Sequence[Order], *, bank: str = "", patient: bool = False, wait_seconds: int = 0
    ) -> list[Transfer | NotAccepted]:
        """Pay up to 1,000 orders of at most LARGEST_BATCH bytes together, each for itself, and answer in their order.

        `bank` pays on that bank's own authority, which only the operator may. `patient` orders are never given up.
        """
        request = gateway_pb2.SubmitTransfersRequest(
            orders=map(wire.order_message, orders),
            on_authority_of_bank=bank,
            patient=patient,
            wait_seconds=wait_seconds,
        )
        answer = self._connection.change(
            self._stub.SubmitTransfers, request, timeout=_PAY_SECONDS + 2 * wait_seconds + 20
        )
        return list(map(wire.submission, answer.submissions))

    def stream(
        self,
        orders: Iterable[Order],
        *,
        bank: str = "",
        patient: bool = False,
        wait_seconds: int = 10,
        silence: float = _STREAM_SECONDS,
    ) -> Generator[tuple[int, Transfer | NotAccepted], None, None]:
        """Pay any number of orders, each for itself and accepted in their order, and give what became of each, once and
        as soon as it is known, with its number among `orders` from 0. One that is not final `wait_seconds` (0 to 10)
        after it was accepted is given as it stands, and goes on by itself.

            for number, answer in client.payments.stream(orders):
                print(number, answer)

        `orders` is read in another thread, in portions of up to 1,000 and no faster than the gateway takes them, which
        has at most 2,000 unanswered: they may be more than fit into memory. A portion is sent when it is full or
        `orders` ends, so a source must not wait for the answer to an order before it gives the next one. What it raises
        is raised here, once the portions before are answered. `bank` and `patient` as for `submit`.

        Raises Refused when the gateway takes no more: orders without an answer were not accepted. Raises Unanswered
        when the stream was cut short, lasted an hour, or brought no answer for `silence` seconds: they may have been
        accepted, or not. The same orders in a new stream are safe. Leaving the loop earlier ends the stream; what was
        accepted goes on. After the end the other thread may take a few more orders, and sends none of them.
        """
        requests = (
            gateway_pb2.StreamTransfersRequest(
                orders=part, on_authority_of_bank=bank, patient=patient, wait_seconds=wait_seconds
            )
            for part in portions(map(wire.order_message, orders), size=_size, room=LARGEST_BATCH)
        )
        answers = self._connection.converse(
            self._stub.StreamTransfers, requests, timeout=_STREAM_SECONDS, silence=silence
        )
        for answer in answers:
            for said in answer.submissions:
                yield said.order_number, wire.submission(said.submission)

    def find(self, *, ids: Sequence[str] = (), keys: Sequence[str] = (), bank: str = "") -> list[Transfer]:
        """Transfers by id or by key, in no order; unknown ones are left out. As many as you like."""
        requests = [
            gateway_pb2.GetTransfersRequest(transfer_ids=map(bytes.fromhex, part), on_authority_of_bank=bank)
            for part in portions(ids, size=lambda item: len(item) // 2 + 2)
        ] + [
            gateway_pb2.GetTransfersRequest(idempotency_keys=part, on_authority_of_bank=bank)
            for part in portions(keys, size=lambda item: len(item) + 3)
        ]
        return [found for request in requests for found in self._get(request)]

    def find_by_prefix(self, prefix: str) -> list[Transfer]:
        """Own transfers whose id begins with 4 to 32 hexadecimal digits."""
        if len(prefix) == 32:
            return self.find(ids=[prefix])
        return self._get(gateway_pb2.GetTransfersRequest(id_prefix=prefix))

    def mine(self, *, unfinished: bool = False, limit: int = 50) -> Iterator[Transfer]:
        """Own transfers, newest first, at most `limit`."""
        page, left = "", limit
        while left > 0:
            request = gateway_pb2.ListTransfersRequest(
                unfinished_only=unfinished, page_size=min(left, 200), page_token=page
            )
            answer = self._connection.read(self._stub.ListTransfers, request, timeout=_ASK_SECONDS)
            yield from map(wire.transfer, answer.transfers)
            left, page = left - len(answer.transfers), answer.next_page_token
            if not page:
                return

    def watch(self, transfer_id: str) -> Iterator[Transfer]:
        """The transfer now and at each change, until it is final."""
        request = gateway_pb2.WatchRequest(transfer_id=bytes.fromhex(transfer_id))
        for answer in self._connection.follow(self._stub.Watch, request, timeout=_WATCH_SECONDS):
            yield wire.transfer(answer.transfer)

    def _get(self, request: gateway_pb2.GetTransfersRequest) -> list[Transfer]:
        answer = self._connection.read(self._stub.GetTransfers, request, timeout=_ASK_SECONDS)
        return list(map(wire.transfer, answer.transfers))


def _size(message: order_pb2.Order) -> int:
    return message.ByteSize() + 4
