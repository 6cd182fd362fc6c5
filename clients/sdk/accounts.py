"""The caller's accounts, and the banks of the network."""

from collections.abc import Iterator

from clients.sdk import wire
from clients.sdk.connection import Connection
from clients.sdk.records import Account, Bank, CashResult, Statement
from interbank.money import Money
from protos.v1 import gateway_pb2, gateway_pb2_grpc

_SECONDS = 10.0
_CASH_SECONDS = 20.0
_LARGEST_PAGE = 200


class Accounts:
    """Accounts of whoever is logged in. Every method raises Refused; deposit and withdraw, Unanswered too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = gateway_pb2_grpc.AccountServiceStub(connection.channel)

    def banks(self) -> list[Bank]:
        """The banks of the network, by id. Needs no session."""
        answer = self._connection.read(self._stub.ListBanks, gateway_pb2.ListBanksRequest(), timeout=_SECONDS)
        return list(map(wire.bank, answer.banks))

    def mine(self) -> list[Account]:
        """The caller's accounts in the order of registration, with balances where the session has access."""
        answer = self._connection.read(self._stub.ListMyAccounts, gateway_pb2.ListMyAccountsRequest(), timeout=_SECONDS)
        return [wire.account(found.account, found.no_balance_reason) for found in answer.accounts]

    def statement(self, bank: str = "", *, limit: int = 50) -> Iterator[Statement]:
        """Pages of the movements of the caller's account at a bank (by default his first), newest first, with at most
        `limit` movements in all. There is at least one page."""
        page, left = "", limit
        while True:
            request = gateway_pb2.GetMyStatementRequest(bank=bank, page_size=min(left, _LARGEST_PAGE), page_token=page)
            answer = self._connection.read(self._stub.GetMyStatement, request, timeout=_SECONDS)
            lines = tuple(map(wire.statement_line, answer.lines))
            left, page = left - len(lines), answer.next_page_token
            yield Statement(wire.account(answer.account), lines, page)
            if not page or left <= 0:
                return

    def deposit(self, bank: str, amount: Money, idempotency_key: str) -> CashResult:
        """Cash into the caller's account, at the counter."""
        request = gateway_pb2.DepositRequest(
            bank=bank, amount=wire.money_message(amount), idempotency_key=idempotency_key
        )
        return wire.cash_result(self._connection.change(self._stub.Deposit, request, timeout=_CASH_SECONDS).result)

    def withdraw(self, bank: str, amount: Money, idempotency_key: str) -> CashResult:
        """Cash out of the caller's account, at the counter."""
        request = gateway_pb2.WithdrawRequest(
            bank=bank, amount=wire.money_message(amount), idempotency_key=idempotency_key
        )
        return wire.cash_result(self._connection.change(self._stub.Withdraw, request, timeout=_CASH_SECONDS).result)
