"""Orders at the counter: every check that is made before an order is accepted. What fails here is stored nowhere, and
its key stays free."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway_service.directory import Directory, connected
from gateway_service.pipeline import Pipeline
from gateway_service.sessions import Access
from gateway_service.storage import find_by_keys, journal_may_be_lost
from gateway_service.transfer import Transfer
from gateway_service.underway import Known
from interbank.clock import Clock
from interbank.orders import Order, bank_principal, check_order, fingerprint, transfer_id, user_principal
from interbank.refusals import Kind, Reason, Refused, without_past
from interbank.storage.database import Database
from interbank.telemetry import request_id
from protos.v1 import bank_pb2


@dataclass(frozen=True, slots=True)
class Orderer:
    """On whose authority orders come: a customer with what his banks granted him, or a bank by the operator's hand."""

    principal: str
    access: Mapping[str, Access]
    bank: str
    actor: str


def customer(username: str, access: Mapping[str, Access]) -> Orderer:
    """A customer who orders for himself."""
    return Orderer(user_principal(username), access, "", "")


def bank_by_operator(bank: str, operator: str) -> Orderer:
    """A bank's own run, ordered by the network's operator."""
    return Orderer(bank_principal(bank), {}, bank, operator)


class Banks:
    """Whether banks take part now, looked at once for all orders of a request."""

    def __init__(self, directory: Directory, pipeline: Pipeline) -> None:
        self._directory = directory
        self._pipeline = pipeline
        self._refusals: dict[tuple[str, str, str], Refused | None] = {}

    def refusal(self, bank: str, field: str, currency: str) -> Refused | None:
        """Why no order of now may have this bank in this field, in this currency; or None."""
        asked = (bank, field, currency)
        if asked not in self._refusals:
            self._refusals[asked] = None
            try:
                self._check(*asked)
            except Refused as refused:
                self._refusals[asked] = without_past(refused)
        return self._refusals[asked]

    def _check(self, bank: str, field: str, currency: str) -> None:
        link = self._directory.link(bank, field)
        kept = self._directory.currency(bank)
        if kept != currency:
            raise Refused(Reason.CURRENCY_MISMATCH, f"{bank} keeps accounts in {kept}, not {currency}",
                          field="currency")  # fmt: skip
        if not connected(link):
            reason = Reason.PAYEE_BANK_UNAVAILABLE if field == "payee_bank" else Reason.PAYER_BANK_UNAVAILABLE
            raise Refused(reason, f"{bank} is not connected: {link.cause or 'connection lost'}",
                          field=field, hint="interbank banks", retry_after_ms=2000)  # fmt: skip
        self._pipeline.require_room(bank, field)


class Submission:
    """Takes orders in."""

    def __init__(self, directory: Directory, pipeline: Pipeline, database: Database, clock: Clock) -> None:
        self._directory = directory
        self._pipeline = pipeline
        self._database = database
        self._clock = clock

    async def submit(self, orderer: Orderer, orders: Sequence[Order], *, patient: bool) -> list[Known | Refused]:
        """For each order the transfer that it became or was before, or why it was not accepted."""
        now = self._clock.now_us()
        candidates = [_candidate(orderer, order, now, patient=patient) for order in orders]
        banks = Banks(self._directory, self._pipeline)
        refusals = [self._refusal(orderer, order, banks) for order in orders]
        await self._check_payees(orders, refusals)
        passed = [c for c, refused in zip(candidates, refusals, strict=True) if refused is None]
        accepted = iter(await self._accept(passed))
        answers = [next(accepted) if refused is None else refused for refused in refusals]
        return await self._known_after_all(candidates, answers)

    async def _accept(self, candidates: Sequence[Transfer]) -> Sequence[Known | Refused]:
        if not candidates:
            return ()
        try:
            return await self._pipeline.accept(candidates)
        except Refused as refused:
            return [without_past(refused)] * len(candidates)  # none of them, unless one was accepted before

    def _refusal(self, orderer: Orderer, order: Order, banks: Banks) -> Refused | None:
        try:
            check_order(order)
            self._check_payer(orderer, order)
        except Refused as refused:
            return without_past(refused)
        payer = banks.refusal(order.payer_bank, "payer_bank", order.currency)
        return payer or banks.refusal(order.payee_bank, "payee_bank", order.currency)

    def _check_payer(self, orderer: Orderer, order: Order) -> None:
        """Another customer's account is refused in the same words as one that does not exist."""
        self._directory.link(order.payer_bank, "payer_bank")
        if orderer.bank:
            if orderer.bank != order.payer_bank:
                raise Refused(Reason.NOT_ALLOWED, f"{orderer.bank} cannot order for {order.payer_bank}",
                              field="payer_bank")  # fmt: skip
            return
        granted = orderer.access.get(order.payer_bank)
        if granted is None:
            raise Refused(
                Reason.NOT_LOGGED_IN_AT_BANK,
                f"this session has no access at {order.payer_bank}",
                field="payer_bank",
                hint=f"interbank login --bank {order.payer_bank}",
            )
        if granted.account != order.payer_account:
            raise Refused(
                Reason.ACCOUNT_NOT_FOUND,
                f"{order.payer_bank} {order.payer_account} is not an account of yours",
                field="payer_account",
                hint="interbank accounts",
            )

    async def _check_payees(self, orders: Sequence[Order], refusals: list[Refused | None]) -> None:
        positions = [position for position, refused in enumerate(refusals) if refused is None]
        verdicts = await self._directory.payees.check([orders[position] for position in positions])
        for position, verdict in zip(positions, verdicts, strict=True):
            refusals[position] = verdict

    async def _known_after_all(
        self, candidates: Sequence[Transfer], answers: list[Known | Refused]
    ) -> list[Known | Refused]:
        """Idempotence comes before validity: an order that would be refused now, but was accepted once, is what it
        became then."""
        doubtful = [
            position
            for position, answer in enumerate(answers)
            if isinstance(answer, Refused) and answer.reason.kind is not Kind.MALFORMED
        ]
        if not doubtful:
            return answers
        keys = [(candidates[p].principal, candidates[p].order.idempotency_key) for p in doubtful]
        found = await self._find(keys)
        unknown: list[int] = []
        for position, key in zip(doubtful, keys, strict=True):
            if key in found:
                answers[position] = self._pipeline.known(candidates[position], found[key])
            else:
                unknown.append(position)
        await self._known_to_banks([candidates[p] for p in unknown], unknown, answers)
        return answers

    async def _find(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Transfer]:
        """The journal's rows under these keys. What became final while they were read is read again."""
        found = await self._database.read(lambda connection: find_by_keys(connection, keys))
        ended = [key for key, row in found.items() if not row.final and self._pipeline.find(row.transfer_id) is None]
        if ended:
            found |= await self._database.read(lambda connection: find_by_keys(connection, ended))
        return found

    async def _known_to_banks(
        self, candidates: Sequence[Transfer], positions: Sequence[int], answers: list[Known | Refused]
    ) -> None:
        """The journal may have been lost since: a payer's bank that has an outcome of an order says what became of it,
        whatever would be said of it now. While it cannot be asked, nothing is said for good."""
        by_bank: dict[str, list[tuple[int, Transfer]]] = {}
        for position, candidate in zip(positions, candidates, strict=True):
            by_bank.setdefault(candidate.order.payer_bank, []).append((position, candidate))
        # A bank that is not known here may have joined before the journal was lost, and be about to join again.
        unheard = by_bank.keys() - self._directory.links.keys()
        if unheard and not await self._database.read(journal_may_be_lost):
            by_bank = {bank: asked for bank, asked in by_bank.items() if bank not in unheard}  # none can have paid
        for bank, asked in by_bank.items():
            request = bank_pb2.FindOutcomesRequest(transfer_ids=[candidate.transfer_id for _, candidate in asked])
            try:
                answer: bank_pb2.FindOutcomesResponse = await self._directory.link(bank).call("FindOutcomes", request)
            except Refused as refused:
                for position, _ in asked:
                    answers[position] = _not_for_good(answers[position], refused)
                continue
            ids = set(answer.known_ids)
            known = [(p, candidate) for p, candidate in asked if candidate.transfer_id in ids]
            accepted = await self._accept([candidate for _, candidate in known])
            for (position, _), became in zip(known, accepted, strict=True):
                answers[position] = became


def _not_for_good(answer: Known | Refused, why: Refused) -> Known | Refused:
    """A refusal that would be believed for good, while the bank that may know better cannot be asked."""
    if not isinstance(answer, Refused) or answer.reason.try_again:
        return answer
    return Refused(
        Reason.PAYER_BANK_UNAVAILABLE,
        why.message,
        field="payer_bank",
        hint=why.hint or "interbank banks",
        retry_after_ms=2000,
    )


def _candidate(orderer: Orderer, order: Order, now: int, *, patient: bool) -> Transfer:
    digest = fingerprint(order)
    granted = orderer.access.get(order.payer_bank)
    return Transfer(
        transfer_id=transfer_id(orderer.principal, order.idempotency_key, digest),
        fingerprint=digest,
        order=order,
        principal=orderer.principal,
        access=granted.grant if granted else b"",
        actor=orderer.actor,
        patient=patient,
        accepted_at=now,
        request_id=request_id.get(),
    )
