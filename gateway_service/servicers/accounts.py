"""AccountService: the banks, the caller's accounts, cash at the counter."""

import asyncio

from gateway_service.cash import move_cash
from gateway_service.directory import Directory, Registration
from gateway_service.servicers.payments import page_of
from gateway_service.sessions import Access, Session, Sessions
from gateway_service.submission import customer
from interbank.instructions import InstructionKind, Outcome
from interbank.money import Money
from interbank.refusals import Reason, Refused
from interbank.rpc.interceptor import Context
from protos.v1 import bank_pb2, gateway_pb2, gateway_pb2_grpc, money_pb2


class AccountServicer(gateway_pb2_grpc.AccountServiceServicer):
    """What a customer sees of his money, and cash in and out."""

    def __init__(self, sessions: Sessions, directory: Directory) -> None:
        self._sessions = sessions
        self._directory = directory

    async def ListBanks(self, request: gateway_pb2.ListBanksRequest, context: Context) -> gateway_pb2.ListBanksResponse:
        """See gateway.proto."""
        return gateway_pb2.ListBanksResponse(
            banks=[
                gateway_pb2.Bank(
                    bank=link.bank,
                    currency=self._directory.currency(link.bank),
                    link=getattr(gateway_pb2, f"BANK_LINK_{link.status.value}"),
                    since_us=link.since_us,
                    waiting=link.waiting,
                    cause=link.cause,
                    last_entry_id=link.last_entry_id,
                    in_doubt=link.in_doubt,
                )
                for link in sorted(self._directory.links.values(), key=lambda link: link.bank)
            ]
        )

    async def ListMyAccounts(
        self, request: gateway_pb2.ListMyAccountsRequest, context: Context
    ) -> gateway_pb2.ListMyAccountsResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        registered = await self._directory.registrations_of(session.username)
        shown = await asyncio.gather(*(self._my_account(session, found) for found in registered))
        return gateway_pb2.ListMyAccountsResponse(accounts=shown)

    async def GetMyStatement(
        self, request: gateway_pb2.GetMyStatementRequest, context: Context
    ) -> gateway_pb2.GetMyStatementResponse:
        """See gateway.proto."""
        session = await self._sessions.require(context)
        bank, access = await self._access(session, request.bank)
        limit, before = page_of(request.page_size, request.page_token)
        link, authority = self._directory.link(bank), bank_pb2.Authority(grant=access.grant)
        accounts, statement = await asyncio.gather(
            link.call("ListAccounts", bank_pb2.ListAccountsRequest(authority=authority)),
            link.call(
                "GetStatement",
                bank_pb2.GetStatementRequest(
                    authority=authority, account=access.account, before_entry_id=before, page_size=limit
                ),
            ),
        )
        return gateway_pb2.GetMyStatementResponse(
            account=accounts.accounts[0],
            lines=statement.lines,
            next_page_token=str(statement.lines[-1].entry_id) if statement.more else "",
        )

    async def Deposit(self, request: gateway_pb2.DepositRequest, context: Context) -> gateway_pb2.DepositResponse:
        """See gateway.proto."""
        result = await self._counter(context, InstructionKind.DEPOSIT, request)
        return gateway_pb2.DepositResponse(result=result)

    async def Withdraw(self, request: gateway_pb2.WithdrawRequest, context: Context) -> gateway_pb2.WithdrawResponse:
        """See gateway.proto."""
        result = await self._counter(context, InstructionKind.WITHDRAW, request)
        return gateway_pb2.WithdrawResponse(result=result)

    async def _counter(
        self,
        context: Context,
        kind: InstructionKind,
        request: gateway_pb2.DepositRequest | gateway_pb2.WithdrawRequest,
    ) -> gateway_pb2.CashResult:
        session = await self._sessions.require(context)
        bank, access = await self._access(session, request.bank)
        amount = Money(request.amount.minor_units, request.amount.currency)
        outcome = await move_cash(
            self._directory,
            customer(session.username, session.access),
            kind,
            bank=bank,
            account=access.account,
            username=session.username,
            amount=amount,
            key=request.idempotency_key,
        )
        return cash_result(outcome, access.account, amount)

    async def _access(self, session: Session, bank: str) -> tuple[str, Access]:
        """The session's access at a bank, by default at the first one that its user registered."""
        if not bank:
            registered = await self._directory.registrations_of(session.username)
            if not registered:
                raise Refused(Reason.ACCOUNT_NOT_FOUND, f"{session.username} has no registered account")
            bank = registered[0].bank
        self._directory.link(bank)
        access = session.access.get(bank)
        if access is None:
            raise Refused(
                Reason.NOT_LOGGED_IN_AT_BANK,
                f"this session has no access at {bank}",
                field="bank",
                hint=f"interbank login --bank {bank}",
            )
        return bank, access

    async def _my_account(self, session: Session, found: Registration) -> gateway_pb2.MyAccount:
        bare = bank_pb2.Account(bank=found.bank, account=found.account, username=session.username)
        access = session.access.get(found.bank)
        if access is None:
            return gateway_pb2.MyAccount(account=bare, no_balance_reason=Reason.NOT_LOGGED_IN_AT_BANK.name)
        request = bank_pb2.ListAccountsRequest(authority=bank_pb2.Authority(grant=access.grant))
        try:
            answer = await self._directory.link(found.bank).call("ListAccounts", request)
        except Refused as refused:
            return gateway_pb2.MyAccount(account=bare, no_balance_reason=refused.reason.name)
        return gateway_pb2.MyAccount(account=answer.accounts[0])


def cash_result(outcome: Outcome, account: int, amount: Money) -> gateway_pb2.CashResult:
    """What a caller is told of cash that was booked."""
    return gateway_pb2.CashResult(
        transfer_id=outcome.transfer_id,
        account=account,
        amount=money_pb2.Money(minor_units=amount.minor_units, currency=amount.currency),
        balance_after=outcome.balance_after,
        entry_id=outcome.entry_id,
        replayed=outcome.replayed,
    )
