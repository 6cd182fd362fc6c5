"""Messages of the contract to records, and orders to messages. No input or output."""

from datetime import UTC, datetime, timedelta

from clients.sdk.records import (
    Account,
    Bank,
    CashResult,
    InDoubt,
    NotAccepted,
    Session,
    StatementLine,
    Transfer,
    WhoAmI,
)
from interbank.money import Money
from interbank.orders import Order
from protos.v1 import bank_pb2, gateway_pb2, money_pb2, order_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def order_message(order: Order) -> order_pb2.Order:
    """An order as it goes to the gateway."""
    return order_pb2.Order(
        payer_bank=order.payer_bank,
        payer_account=order.payer_account,
        payee_bank=order.payee_bank,
        payee_account=order.payee_account,
        payee_name=order.payee_name,
        minor_units=order.minor_units,
        currency=order.currency,
        reference=order.reference,
        idempotency_key=order.idempotency_key,
    )


def money_message(money: Money) -> money_pb2.Money:
    """An amount as it goes to the gateway."""
    return money_pb2.Money(minor_units=money.minor_units, currency=money.currency)


def transfer(message: order_pb2.Transfer, balance_after: int | None = None) -> Transfer:
    """A transfer; `balance_after` are minor units of the order's currency."""
    order = _order(message.order)
    return Transfer(
        transfer_id=message.transfer_id.hex(),
        order=order,
        state=order_pb2.TransferState.Name(message.state).removeprefix("TRANSFER_STATE_"),
        final=message.final,
        reason=message.reason,
        principal=message.principal,
        accepted_at=_moment(message.accepted_at_us),
        finished_at=_moment_or_none(message.finished_at_us),
        suspended=message.suspended,
        in_doubt=_in_doubt(message.in_doubt) if message.HasField("in_doubt") else None,
        balance_after=None if balance_after is None else Money(balance_after, order.currency),
    )


def submission(message: gateway_pb2.Submission) -> Transfer | NotAccepted:
    """What became of one order of many."""
    if message.WhichOneof("result") == "transfer":
        return transfer(message.transfer)
    no = message.not_accepted
    return NotAccepted(reason=no.reason, message=no.message, field=no.field, try_again=no.try_again)


def session(message: gateway_pb2.Session) -> Session:
    """A session."""
    return Session(
        session_id=message.session_id,
        username=message.username,
        device=message.device,
        banks=tuple(message.banks),
        opened_at=_moment(message.opened_at_us),
        used_at=_moment(message.used_at_us),
        idle_end_at=_moment(message.idle_end_at_us),
        end_at=_moment(message.end_at_us),
        current=message.current,
    )


def who_am_i(message: gateway_pb2.WhoAmIResponse) -> WhoAmI:
    """Who asks."""
    return WhoAmI(session(message.session), message.operator)


def bank(message: gateway_pb2.Bank) -> Bank:
    """A bank of the network."""
    return Bank(
        bank=message.bank,
        currency=message.currency,
        link=gateway_pb2.BankLink.Name(message.link).removeprefix("BANK_LINK_"),
        since=_moment_or_none(message.since_us),
        waiting=message.waiting,
        cause=message.cause,
        last_entry_id=message.last_entry_id,
        in_doubt=message.in_doubt,
    )


def account(message: bank_pb2.Account, no_balance_reason: str = "") -> Account:
    """An account."""
    return Account(
        bank=message.bank,
        account=message.account,
        username=message.username,
        status=bank_pb2.AccountStatus.Name(message.status).removeprefix("ACCOUNT_STATUS_"),
        balance=_money(message.balance) if message.HasField("balance") and not no_balance_reason else None,
        name=message.name or "customer",
        no_balance_reason=no_balance_reason,
    )


def statement_line(message: bank_pb2.StatementLine) -> StatementLine:
    """A movement."""
    amount = _money(message.amount)
    return StatementLine(
        entry_id=message.entry_id,
        recorded_at=_moment(message.recorded_at_us),
        kind=message.kind,
        transfer_id=message.transfer_id.hex(),
        counterparty_bank=message.counterparty_bank,
        counterparty_account=message.counterparty_account,
        counterparty_name=message.counterparty_name,
        amount=amount,
        balance_after=Money(message.balance_after, amount.currency),
        reference=message.reference,
    )


def cash_result(message: gateway_pb2.CashResult) -> CashResult:
    """Cash in or out."""
    amount = _money(message.amount)
    return CashResult(
        transfer_id=message.transfer_id.hex(),
        account=message.account,
        amount=amount,
        balance_after=Money(message.balance_after, amount.currency),
        entry_id=message.entry_id,
        replayed=message.replayed,
    )


def _order(message: order_pb2.Order) -> Order:
    return Order(
        payer_bank=message.payer_bank,
        payer_account=message.payer_account,
        payee_bank=message.payee_bank,
        payee_account=message.payee_account,
        payee_name=message.payee_name,
        minor_units=message.minor_units,
        currency=message.currency,
        reference=message.reference,
        idempotency_key=message.idempotency_key,
    )


def _in_doubt(message: order_pb2.InDoubt) -> InDoubt:
    return InDoubt(
        since=_moment(message.since_us),
        waiting_for=message.waiting_for,
        cause=message.cause,
        attempts=message.attempts,
        next_action=message.next_action,
        next_attempt_at=_moment_or_none(message.next_attempt_at_us),
    )


def _money(message: money_pb2.Money) -> Money:
    return Money(message.minor_units, message.currency)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _moment_or_none(microseconds: int) -> datetime | None:
    return _moment(microseconds) if microseconds else None
