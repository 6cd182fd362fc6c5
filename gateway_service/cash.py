"""Cash in and out at one bank: instructions like those of a payment, but inside one bank, so without the journal."""

from gateway_service.directory import Directory
from gateway_service.submission import Orderer
from interbank.instructions import PURPOSES, Instruction, InstructionKind, Outcome, OutcomeKind
from interbank.money import Money, check_amount
from interbank.orders import Order, check_account, check_key, fingerprint, transfer_id
from interbank.refusals import Reason, Refused
from interbank.telemetry import request_id

CASH_ACCOUNT = -1


async def move_cash(
    directory: Directory,
    orderer: Orderer,
    kind: InstructionKind,
    *,
    bank: str,
    account: int,
    username: str,
    amount: Money,
    key: str,
) -> Outcome:
    """Deposit, withdraw or add money; returns the bank's BOOKED.

    Raises Refused: the bank's refusal, a malformed field, BANK_UNAVAILABLE, OUTCOME_UNKNOWN (the same key asks again).
    """
    link = directory.link(bank)
    check_account(account)
    check_key(key)
    check_amount(amount.minor_units, amount.currency)
    if amount.currency != directory.currency(bank):
        raise Refused(
            Reason.CURRENCY_MISMATCH, f"{bank} keeps accounts in {directory.currency(bank)}", field="currency"
        )
    payer, payee, name = (
        (account, CASH_ACCOUNT, "cash") if kind is InstructionKind.WITHDRAW else (CASH_ACCOUNT, account, username)
    )
    order = Order(bank, payer, bank, payee, name, amount.minor_units, amount.currency, "", key)
    digest = fingerprint(order, PURPOSES[kind])
    granted = orderer.access.get(bank)
    outcome = await link.carry_out(
        Instruction(
            kind,
            transfer_id(orderer.principal, key, digest),
            digest,
            order,
            orderer.principal,
            granted.grant if granted else b"",
            orderer.actor,
            request_id=request_id.get(),
        )
    )
    if outcome.kind is not OutcomeKind.BOOKED:
        raise _refused(outcome, order)
    return outcome


def _refused(outcome: Outcome, order: Order) -> Refused:
    if outcome.kind is OutcomeKind.REFUSED:
        reason = Reason[outcome.reason]
        payer = f"{order.payer_bank} {order.payer_account}"
        words = {Reason.INSUFFICIENT_FUNDS: f"{order.amount} is more than there is in {payer}"}
        field = "amount" if reason is Reason.INSUFFICIENT_FUNDS else ""
        return Refused(reason, words.get(reason, ""), field=field)
    return Refused(
        Reason.IDEMPOTENCY_KEY_REUSED,
        f"key {order.idempotency_key} belongs to another order",
        field="idempotency_key",
        hint="use a new key for a new act",
    )
