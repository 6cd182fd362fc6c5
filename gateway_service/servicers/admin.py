"""AdminService: the network's operator."""

import logging
from collections.abc import AsyncIterator
from typing import Any

from gateway_service.cash import move_cash
from gateway_service.directory import Directory
from gateway_service.servicers.accounts import cash_result
from gateway_service.servicers.payments import PaymentServicer
from gateway_service.sessions import Sessions
from gateway_service.submission import bank_by_operator
from interbank.instructions import InstructionKind
from interbank.money import Money
from interbank.orders import check_account
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc, money_pb2

log = logging.getLogger(__name__)

MAX_NEW_ACCOUNTS = 50_000
"""Accounts that one call may open: what fits into one message to the bank, and into its patience."""

MAX_SHOWN = 500
_OPENING_DEADLINE = 60.0
_PASSWORD_DEADLINE = 8.0
_BELOW_ALL_ACCOUNTS = -1000


class AdminServicer(gateway_pb2_grpc.AdminServiceServicer):
    """The operator's acts; each bank records who acted."""

    def __init__(self, sessions: Sessions, directory: Directory, payments: PaymentServicer) -> None:
        self._sessions = sessions
        self._directory = directory
        self._payments = payments

    async def OpenAccounts(
        self, request_iterator: AsyncIterator[gateway_pb2.AdminServiceOpenAccountsRequest], context: Context
    ) -> gateway_pb2.AdminServiceOpenAccountsResponse:
        """See gateway.proto."""
        session = await self._sessions.require_operator(context)
        bank, wanted = "", list[bank_pb2.NewAccount]()
        async for request in request_iterator:
            if bank not in ("", request.bank):
                raise Refused(Reason.FILE_MALFORMED, "one call opens accounts at one bank", field="bank")
            bank = request.bank
            wanted.extend(request.accounts)
            if len(wanted) > MAX_NEW_ACCOUNTS:
                raise Refused(Reason.TOO_MANY_ITEMS, f"more than {MAX_NEW_ACCOUNTS} accounts at once", field="accounts")
        if not wanted:
            raise Refused(Reason.FIELD_REQUIRED, "no account to open", field="accounts")
        answer: bank_pb2.OpenAccountsResponse = await self._directory.link(bank).call(
            "OpenAccounts",
            bank_pb2.OpenAccountsRequest(operator=session.username, accounts=wanted),
            deadline=_OPENING_DEADLINE,
        )
        return gateway_pb2.AdminServiceOpenAccountsResponse(
            accounts=answer.accounts if len(answer.accounts) <= MAX_SHOWN else [],
            opened=answer.opened,
            existing=len(answer.accounts) - answer.opened,
        )

    async def SetPassword(
        self, request: gateway_pb2.AdminServiceSetPasswordRequest, context: Context
    ) -> gateway_pb2.AdminServiceSetPasswordResponse:
        """See gateway.proto."""
        session = await self._sessions.require_operator(context)
        await self._directory.link(request.bank).call(
            "SetPassword",
            bank_pb2.SetPasswordRequest(operator=session.username, account=request.account, password=request.password),
            deadline=_PASSWORD_DEADLINE,
        )
        return gateway_pb2.AdminServiceSetPasswordResponse()

    async def SetAccountStatus(
        self, request: gateway_pb2.AdminServiceSetAccountStatusRequest, context: Context
    ) -> gateway_pb2.AdminServiceSetAccountStatusResponse:
        """See gateway.proto."""
        session = await self._sessions.require_operator(context)
        self._directory.payees.forget(request.bank, request.account)
        answer: bank_pb2.SetAccountStatusResponse = await self._directory.link(request.bank).call(
            "SetAccountStatus",
            bank_pb2.SetAccountStatusRequest(operator=session.username, account=request.account, status=request.status),
        )
        self._directory.payees.forget(request.bank, request.account)
        return gateway_pb2.AdminServiceSetAccountStatusResponse(account=answer.account)

    async def AddMoney(self, request: gateway_pb2.AddMoneyRequest, context: Context) -> gateway_pb2.AddMoneyResponse:
        """See gateway.proto."""
        result = await self._cash(context, InstructionKind.ADD_MONEY, request)
        return gateway_pb2.AddMoneyResponse(result=result)

    async def Withdraw(
        self, request: gateway_pb2.AdminServiceWithdrawRequest, context: Context
    ) -> gateway_pb2.AdminServiceWithdrawResponse:
        """See gateway.proto."""
        result = await self._cash(context, InstructionKind.WITHDRAW, request)
        return gateway_pb2.AdminServiceWithdrawResponse(result=result)

    async def ListAccounts(
        self, request: gateway_pb2.AdminServiceListAccountsRequest, context: Context
    ) -> gateway_pb2.AdminServiceListAccountsResponse:
        """See gateway.proto."""
        session = await self._sessions.require_operator(context)
        after = _account_token(request.page_token)
        answer: bank_pb2.ListAccountsResponse = await self._directory.link(request.bank).call(
            "ListAccounts",
            bank_pb2.ListAccountsRequest(
                authority=bank_pb2.Authority(operator=session.username),
                after_account=after,
                page_size=request.page_size or 100,
            ),
        )
        return gateway_pb2.AdminServiceListAccountsResponse(
            accounts=answer.accounts, next_page_token=str(answer.accounts[-1].account) if answer.more else ""
        )

    async def ListTransfers(
        self, request: gateway_pb2.AdminServiceListTransfersRequest, context: Context
    ) -> gateway_pb2.AdminServiceListTransfersResponse:
        """See gateway.proto."""
        await self._sessions.require_operator(context)
        transfers, token = await self._payments.page(
            None, request.page_size, request.page_token, unfinished_only=request.unfinished_only
        )
        return gateway_pb2.AdminServiceListTransfersResponse(transfers=transfers, next_page_token=token)

    async def ResumeTransfer(
        self, request: gateway_pb2.ResumeTransferRequest, context: Context
    ) -> gateway_pb2.ResumeTransferResponse:
        """See gateway.proto."""
        session = await self._sessions.require_operator(context)
        transfer = await self._payments.resume(session, request.transfer_id)
        log.warning("%s goes on, by %s", request.transfer_id.hex(), session.username)
        return gateway_pb2.ResumeTransferResponse(transfer=transfer)

    async def _cash(
        self,
        context: Context,
        kind: InstructionKind,
        request: gateway_pb2.AddMoneyRequest | gateway_pb2.AdminServiceWithdrawRequest,
    ) -> gateway_pb2.CashResult:
        session = await self._sessions.require_operator(context)
        amount = _money(request.amount)
        username = await self._username(request.bank, request.account, session.username)
        outcome = await move_cash(
            self._directory,
            bank_by_operator(request.bank, session.username),
            kind,
            bank=request.bank,
            account=request.account,
            username=username,
            amount=amount,
            key=request.idempotency_key,
        )
        return cash_result(outcome, request.account, amount)

    async def _username(self, bank: str, account: int, operator: str) -> str:
        """In whose name an account stands: the operator says the number, the order carries the name too."""
        check_account(account)
        answer: Any = await self._directory.link(bank).call(
            "ListAccounts",
            bank_pb2.ListAccountsRequest(
                authority=bank_pb2.Authority(operator=operator), after_account=account - 1, page_size=1
            ),
        )
        found = next((shown for shown in answer.accounts if shown.account == account and shown.username), None)
        if found is None:
            raise Refused(Reason.ACCOUNT_NOT_FOUND, f"{bank} has no account {account}", field="account",
                          hint=f"interbank admin accounts --bank {bank}")  # fmt: skip
        return str(found.username)


def _money(message: money_pb2.Money) -> Money:
    return Money(message.minor_units, message.currency)


def _account_token(token: str) -> int:
    if not token:
        return _BELOW_ALL_ACCOUNTS
    if not token.removeprefix("-").isdecimal() or len(token) > 16:
        raise Refused(Reason.PAGE_MALFORMED, "the page token is not one of ours", field="page_token")
    return int(token)
