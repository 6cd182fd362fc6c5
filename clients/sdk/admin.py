"""The operator's acts. Every call needs a session of "admin"."""

from collections.abc import Iterator, Sequence

from clients.sdk import wire
from clients.sdk.connection import Connection
from clients.sdk.portions import portions
from clients.sdk.records import Account, CashResult, NewAccount, Opened, Transfer
from interbank.money import Money
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc

_SECONDS = 20.0
_OPEN_SECONDS = 600.0  # a whole file is one transaction at the bank
_LARGEST_PAGE = {"accounts": 500, "transfers": 200}


class Admin:
    """What the network's operator does. Every method raises Refused; those that change something, Unanswered too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = gateway_pb2_grpc.AdminServiceStub(connection.channel)

    def open_accounts(self, bank: str, accounts: Sequence[NewAccount]) -> Opened:
        """Open accounts at one bank, all or none, however many. What exists already with the same user and deposit is
        left as it is."""
        messages = [
            bank_pb2.NewAccount(
                account=new.account,
                username=new.username,
                deposit_minor_units=new.deposit_minor_units,
                password=new.password,
            )
            for new in accounts
        ]
        requests = (
            gateway_pb2.AdminServiceOpenAccountsRequest(bank=bank, accounts=part)
            for part in portions(messages, size=lambda message: message.ByteSize() + 4)
        )
        answer = self._connection.change(self._stub.OpenAccounts, requests, timeout=_OPEN_SECONDS)
        return Opened(tuple(map(wire.account, answer.accounts)), answer.opened, answer.existing)

    def set_password(self, bank: str, account: int, password: str) -> None:
        """Set a customer's password; his sessions lose their access at the bank."""
        request = gateway_pb2.AdminServiceSetPasswordRequest(bank=bank, account=account, password=password)
        self._connection.change(self._stub.SetPassword, request, timeout=_SECONDS)

    def set_status(self, bank: str, account: int, status: str) -> Account:
        """Make an account "OPEN", "FROZEN" or "CLOSED"."""
        request = gateway_pb2.AdminServiceSetAccountStatusRequest(
            bank=bank, account=account, status=bank_pb2.AccountStatus.Value(f"ACCOUNT_STATUS_{status}")
        )
        return wire.account(self._connection.change(self._stub.SetAccountStatus, request, timeout=_SECONDS).account)

    def add_money(self, bank: str, account: int, amount: Money, idempotency_key: str) -> CashResult:
        """Money from the bank's cash into an account."""
        request = gateway_pb2.AddMoneyRequest(
            bank=bank, account=account, amount=wire.money_message(amount), idempotency_key=idempotency_key
        )
        return wire.cash_result(self._connection.change(self._stub.AddMoney, request, timeout=_SECONDS).result)

    def withdraw(self, bank: str, account: int, amount: Money, idempotency_key: str) -> CashResult:
        """Money from an account to the bank's cash."""
        request = gateway_pb2.AdminServiceWithdrawRequest(
            bank=bank, account=account, amount=wire.money_message(amount), idempotency_key=idempotency_key
        )
        return wire.cash_result(self._connection.change(self._stub.Withdraw, request, timeout=_SECONDS).result)

    def accounts(self, bank: str) -> Iterator[Account]:
        """All accounts of a bank by number, internal ones included."""
        page = ""
        while True:
            request = gateway_pb2.AdminServiceListAccountsRequest(
                bank=bank, page_size=_LARGEST_PAGE["accounts"], page_token=page
            )
            answer = self._connection.read(self._stub.ListAccounts, request, timeout=_SECONDS)
            yield from map(wire.account, answer.accounts)
            page = answer.next_page_token
            if not page:
                return

    def transfers(self, *, unfinished: bool = False, limit: int = 50) -> Iterator[Transfer]:
        """Transfers of all customers, newest first, at most `limit`."""
        page, left = "", limit
        while left > 0:
            request = gateway_pb2.AdminServiceListTransfersRequest(
                unfinished_only=unfinished, page_size=min(left, _LARGEST_PAGE["transfers"]), page_token=page
            )
            answer = self._connection.read(self._stub.ListTransfers, request, timeout=_SECONDS)
            yield from map(wire.transfer, answer.transfers)
            left, page = left - len(answer.transfers), answer.next_page_token
            if not page:
                return

    def resume(self, transfer_id: str) -> Transfer:
        """Let a suspended transfer go on: its banks are asked again. One that is not suspended is left as it is."""
        request = gateway_pb2.ResumeTransferRequest(transfer_id=bytes.fromhex(transfer_id))
        return wire.transfer(self._connection.change(self._stub.ResumeTransfer, request, timeout=_SECONDS).transfer)
