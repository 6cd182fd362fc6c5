"""Messages in, operations called, messages out. No decisions."""

from collections.abc import AsyncIterator

from bank_service import queries
from bank_service.account_acts import AccountActs, NewAccount
from bank_service.credentials import Credentials
from bank_service.operations import Bank, PayeeToCheck
from bank_service.repair import Gatekeeping, Repair
from bank_service.settings import BankSettings
from bank_service.witnessing import list_witnessed
from interbank.clock import Clock
from interbank.instruction_log import InstructionLog
from interbank.orders import MAX_ORDERS, check_password
from interbank.passwords import Passwords
from interbank.refusals import Reason, Refused
from interbank.rpc.conversations import Conversations
from interbank.rpc.interceptor import Context
from interbank.rpc.translate import (
    head_from,
    head_message,
    instruction_from,
    known_outcome_from,
    write_known_outcome,
    write_order,
    write_outcome,
)
from interbank.storage.database import Database
from protos.v1 import bank_pb2, bank_pb2_grpc, money_pb2

MAX_ACCOUNTS_PAGE, MAX_STATEMENT_PAGE = 500, 200
_STATUSES = {getattr(bank_pb2, f"ACCOUNT_STATUS_{status}"): status for status in ("OPEN", "FROZEN", "CLOSED")}


class BankServicer(bank_pb2_grpc.BankServiceServicer):
    """The bank's side of protos/v1/bank.proto."""

    def __init__(
        self,
        settings: BankSettings,
        bank: Bank,
        acts: AccountActs,
        credentials: Credentials,
        repair: Repair,
        passwords: Passwords,
        database: Database,
        clock: Clock,
        log: InstructionLog,
    ) -> None:
        self._settings = settings
        self._bank = bank
        self._acts = acts
        self._credentials = credentials
        self._repair = repair
        self._passwords = passwords
        self._database = database
        self._clock = clock
        self._log = log
        self.conversations = Conversations()
        """The calls of Post."""

    async def Describe(self, request: bank_pb2.DescribeRequest, context: Context) -> bank_pb2.DescribeResponse:
        """See bank.proto."""
        described = await self._bank.describe()
        return bank_pb2.DescribeResponse(
            bank=self._settings.bank,
            currency=self._settings.currency,
            head=head_message(described.head),
            epoch=described.epoch,
            mode=getattr(bank_pb2, f"BANK_MODE_{described.mode}"),
            counterpart_heads=[
                bank_pb2.CounterpartHead(bank=bank, head=head_message(head))
                for bank, head in described.counterpart_heads.items()
            ],
            last_entry_id=described.last_entry_id,
            counter_open=self._settings.counter_open,
        )

    async def OpenSession(self, request: bank_pb2.OpenSessionRequest, context: Context) -> bank_pb2.OpenSessionResponse:
        """See bank.proto."""
        known = [head_from(head) for head in request.known_heads]
        session_id, head = await self._bank.open_session(request.epoch, request.instance, known)
        return bank_pb2.OpenSessionResponse(session_id=session_id, head=head_message(head))

    async def Post(  # type: ignore[override]  # a coroutine that writes: see Door
        self, request_iterator: AsyncIterator[bank_pb2.PostRequest], context: Context
    ) -> None:
        """See bank.proto."""
        async for request in self.conversations.requests(request_iterator):
            await context.write(await self._post(request))

    async def _post(self, request: bank_pb2.PostRequest) -> bank_pb2.PostResponse:
        begun = self._clock.monotonic()
        _require_items(len(request.instructions), "instructions")
        instructions = [instruction_from(message) for message in request.instructions]
        outcomes = await self._bank.post(request.session_id, instructions)
        self._log.answered(instructions, outcomes, self._clock.monotonic() - begun)
        response = bank_pb2.PostResponse()
        for outcome in outcomes:
            write_outcome(outcome, response.outcomes.add())
        return response

    async def CheckPayees(self, request: bank_pb2.CheckPayeesRequest, context: Context) -> bank_pb2.CheckPayeesResponse:
        """See bank.proto."""
        _require_items(len(request.payees), "payees")
        payees = [PayeeToCheck(payee.account, payee.name, payee.currency) for payee in request.payees]
        reasons = await self._bank.check_payees(payees)
        return bank_pb2.CheckPayeesResponse(reasons=[reason.name if reason else "" for reason in reasons])

    async def FindOutcomes(
        self, request: bank_pb2.FindOutcomesRequest, context: Context
    ) -> bank_pb2.FindOutcomesResponse:
        """See bank.proto."""
        ids = list(request.transfer_ids)
        _require_items(len(ids), "transfer_ids")
        known = await self._database.read(lambda connection: queries.find_outcomes(connection, ids))
        return bank_pb2.FindOutcomesResponse(known_ids=[identity for identity in ids if identity in known])

    async def ListOpen(self, request: bank_pb2.ListOpenRequest, context: Context) -> bank_pb2.ListOpenResponse:
        """See bank.proto."""
        if request.session_id:
            self._bank.require_session(request.session_id)
        limit = _page(request.page_size, MAX_ORDERS)
        rows = await self._database.read(
            lambda connection: queries.list_open(connection, after=request.after_record_id, limit=limit + 1)
        )
        response = bank_pb2.ListOpenResponse(more=len(rows) > limit)
        for row in rows[:limit]:
            debit = response.open_debits.add(
                transfer_id=row.transfer_id,
                fingerprint=row.fingerprint,
                principal=row.principal,
                head=head_message(row.head),
            )
            write_order(row.order, debit.order)
        return response

    async def ListWitnessed(
        self, request: bank_pb2.ListWitnessedRequest, context: Context
    ) -> bank_pb2.ListWitnessedResponse:
        """See bank.proto."""
        limit = _page(request.page_size, MAX_ORDERS)
        rows = await self._database.read(
            lambda connection: list_witnessed(
                connection,
                self._settings.bank,
                request.bank,
                above=request.above_record_id,
                after=request.after_record_id,
                limit=limit,
            )
        )
        response = bank_pb2.ListWitnessedResponse(next_record_id=rows[-1][0] if len(rows) == limit else 0)
        for _, known in rows:
            write_known_outcome(known, response.outcomes.add())
        return response

    async def Restore(self, request: bank_pb2.RestoreRequest, context: Context) -> bank_pb2.RestoreResponse:
        """See bank.proto."""
        if len(request.outcomes) > MAX_ORDERS:
            raise Refused(Reason.TOO_MANY_ITEMS, field="outcomes")
        heads = [head_from(head) for head in request.known_heads]
        restored = await self._repair.take(
            Gatekeeping(request.epoch, request.instance, heads, request.agreed_record_id),
            request.attempt,
            request.page,
            [known_outcome_from(message) for message in request.outcomes],
            last=request.last,
        )
        return bank_pb2.RestoreResponse(restored=restored)

    async def ListRecords(self, request: bank_pb2.ListRecordsRequest, context: Context) -> bank_pb2.ListRecordsResponse:
        """See bank.proto."""
        limit = _page(request.page_size, MAX_ORDERS)
        rows = await self._database.read(
            lambda connection: queries.list_records(connection, since=request.since_record_id, limit=limit)
        )
        described = await self._bank.describe()
        return bank_pb2.ListRecordsResponse(records=[_record(row) for row in rows], head=head_message(described.head))

    async def OpenGrant(self, request: bank_pb2.OpenGrantRequest, context: Context) -> bank_pb2.OpenGrantResponse:
        """See bank.proto."""
        grant, holder = await self._credentials.open_grant(request.username, request.password, request.lifetime_seconds)
        return bank_pb2.OpenGrantResponse(grant=grant, account=holder.account, currency=holder.currency)

    async def RevokeGrant(self, request: bank_pb2.RevokeGrantRequest, context: Context) -> bank_pb2.RevokeGrantResponse:
        """See bank.proto."""
        await self._credentials.revoke_grant(request.grant)
        return bank_pb2.RevokeGrantResponse()

    async def ChangePassword(
        self, request: bank_pb2.ChangePasswordRequest, context: Context
    ) -> bank_pb2.ChangePasswordResponse:
        """See bank.proto."""
        await self._credentials.change_password(request.grant, request.old_password, request.new_password)
        return bank_pb2.ChangePasswordResponse()

    async def ListAccounts(
        self, request: bank_pb2.ListAccountsRequest, context: Context
    ) -> bank_pb2.ListAccountsResponse:
        """See bank.proto."""
        if request.authority.WhichOneof("by") != "operator":
            account = (await self._credentials.holder(request.authority.grant)).account
            found = await self._database.read(lambda connection: queries.find_account(connection, account))
            return bank_pb2.ListAccountsResponse(accounts=[self._account(found)] if found else [])
        self._require_operator()
        limit = _page(request.page_size, MAX_ACCOUNTS_PAGE)
        rows = await self._database.read(
            lambda connection: queries.list_accounts(connection, after=request.after_account, limit=limit + 1)
        )
        return bank_pb2.ListAccountsResponse(
            accounts=[self._account(row) for row in rows[:limit]], more=len(rows) > limit
        )

    async def GetStatement(
        self, request: bank_pb2.GetStatementRequest, context: Context
    ) -> bank_pb2.GetStatementResponse:
        """See bank.proto."""
        if request.authority.WhichOneof("by") != "operator":
            if (await self._credentials.holder(request.authority.grant)).account != request.account:
                raise Refused(Reason.ACCOUNT_NOT_FOUND)
        else:
            self._require_operator()
        limit = _page(request.page_size, MAX_STATEMENT_PAGE)
        rows = await self._database.read(
            lambda connection: queries.statement(
                connection, request.account, before=request.before_entry_id, limit=limit + 1
            )
        )
        lines = [self._line(row) for row in rows[:limit]]
        return bank_pb2.GetStatementResponse(lines=lines, more=len(rows) > limit)

    async def OpenAccounts(
        self, request: bank_pb2.OpenAccountsRequest, context: Context
    ) -> bank_pb2.OpenAccountsResponse:
        """See bank.proto."""
        self._require_operator()  # before the passwords are hashed, which takes long
        for wanted in request.accounts:
            if wanted.password:
                check_password(wanted.password)
        new = [
            NewAccount(
                wanted.account,
                wanted.username,
                wanted.deposit_minor_units,
                await self._passwords.hash(wanted.password) if wanted.password else None,
            )
            for wanted in request.accounts
        ]
        rows, opened = await self._acts.open_accounts(new, request.operator)
        return bank_pb2.OpenAccountsResponse(accounts=[self._account(row) for row in rows], opened=opened)

    async def SetPassword(self, request: bank_pb2.SetPasswordRequest, context: Context) -> bank_pb2.SetPasswordResponse:
        """See bank.proto."""
        await self._credentials.set_password(request.account, request.password, request.operator)
        return bank_pb2.SetPasswordResponse()

    async def SetAccountStatus(
        self, request: bank_pb2.SetAccountStatusRequest, context: Context
    ) -> bank_pb2.SetAccountStatusResponse:
        """See bank.proto."""
        if request.status not in _STATUSES:
            raise Refused(
                Reason.FIELD_REQUIRED, "the status is missing, or none that an account can have", field="status"
            )
        status = _STATUSES[request.status]
        row = await self._acts.set_status(request.account, status, request.operator)
        return bank_pb2.SetAccountStatusResponse(account=self._account(row))

    def _require_operator(self) -> None:
        if not self._settings.operator_admitted:
            raise Refused(Reason.OPERATOR_NOT_ADMITTED)

    def _account(self, row: queries.AccountRow) -> bank_pb2.Account:
        return bank_pb2.Account(
            bank=self._settings.bank,
            account=row.account,
            username=row.username or "",
            status=getattr(bank_pb2, f"ACCOUNT_STATUS_{row.status}"),
            balance=money_pb2.Money(minor_units=row.balance, currency=row.currency),
            name=row.kind,
        )

    def _line(self, row: queries.StatementRow) -> bank_pb2.StatementLine:
        return bank_pb2.StatementLine(
            entry_id=row.entry_id,
            recorded_at_us=row.recorded_at,
            kind=row.kind,
            transfer_id=row.transfer_id,
            counterparty_bank=row.counterparty_bank,
            counterparty_account=row.counterparty_account,
            counterparty_name=row.counterparty_name,
            amount=money_pb2.Money(minor_units=row.minor_units, currency=self._settings.currency),
            balance_after=row.balance_after,
            reference=row.reference,
        )


def _record(row: queries.RecordRow) -> bank_pb2.Record:
    return bank_pb2.Record(
        head=head_message(row.head),
        recorded_at_us=row.recorded_at,
        kind=row.kind,
        transfer_id=row.transfer_id or b"",
        account=row.account or 0,
        reason=row.reason,
        entry_id=row.entry_id,
        actor=row.actor,
    )


def _require_items(count: int, field: str) -> None:
    if not 1 <= count <= MAX_ORDERS:
        raise Refused(Reason.TOO_MANY_ITEMS, f"{count} {field}: 1 to {MAX_ORDERS} are allowed", field=field)


def _page(size: int, largest: int) -> int:
    if not 1 <= size <= largest:
        raise Refused(Reason.PAGE_MALFORMED, f"page size {size}: 1 to {largest} are allowed", field="page_size")
    return size
