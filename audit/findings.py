"""What an audit can find, and the form in which it says so."""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What is wrong, as a statement; the value says it in words. Tools may rely on the names."""

    # A file
    FILE_DAMAGED = "SQLite's own check of the file fails"
    FILE_UNREADABLE = "rows cannot be read, so checks of this file were cut short"
    FILE_CHANGED_SINCE_BACKUP = "the file is not the one that the backup's manifest describes"
    TABLE_ALTERED = "a table is not as the network makes it"
    TRIGGER_MISSING = "a trigger that keeps rows as they were written is gone or empty"
    SCALE_ALTERED = "the views of this file show amounts with a wrong number of decimals"

    # A bank's stream of records
    LOST_RECORDS_DIFFER = "the list of lost records is not what the bank once said"
    RECORD_NUMBERS_HAVE_A_GAP = "records are missing"
    RECORD_HOLDS_NOT_ONE_THING = "a record must be exactly one outcome, conclusion or act"
    RECORD_KIND_DIFFERS = "a record is called otherwise than what it holds"
    TIME_WENT_BACK = "a record is older than the one before it"
    CONTENT_WITHOUT_RECORD = "a row stands outside the numbered stream of records"
    CHAIN_BROKEN = "the chain hash is not that of the content: a record was changed after it was written"

    # A bank's ledger
    ENTRY_NUMBERS_HAVE_A_GAP = "entries are missing"
    ENTRIES_OUT_OF_ORDER = "entries do not follow their records"
    ENTRY_ARITHMETIC_WRONG = "balance before, amount and balance after do not fit"
    BALANCE_OUT_OF_BOUNDS = "a customer below zero, or cash or recovery above it"
    ACCOUNT_BALANCE_DIFFERS = "an account's balance is not what its entries add up to"
    ACCOUNTS_DO_NOT_SUM_TO_ZERO = "money was made or lost inside one bank"
    ACCOUNT_MISSING = "entries name an account that does not exist"
    ACCOUNT_ACTS_DIFFER = "an account is not as the acts say that it was opened, frozen or closed"

    # A bank's outcomes
    FINGERPRINT_WRONG = "the fingerprint is not that of the order's columns"
    TRANSFER_ID_WRONG = "the id is not that of principal, key and fingerprint"
    OUTCOME_WITHOUT_ENTRY = "an outcome says that money moved, and no entry does"
    REFUSAL_MOVED_MONEY = "an outcome says that nothing moved, and an entry does"
    ENTRY_IS_NOT_THE_ORDERS = "an entry has another amount or other accounts than its order"
    ENTRY_WITHOUT_OUTCOME = "an entry belongs to no outcome"
    OUTCOME_OF_ANOTHER_BANK = "the order does not concern this bank or its currency"
    ANSWERED_TWICE = "two answers stand where there can be one"
    CONCLUSION_WITHOUT_DEBIT = "settled or returned, and never debited"
    OPEN_DEBITS_DIFFER = "the list of open debits is not that of debits without conclusion"
    CLEARING_NOT_EXPLAINED = "the clearing account holds something else than the orders say"

    # The gateway's journal
    JOURNAL_NUMBERS_HAVE_A_GAP = "orders are missing from the journal"
    JOURNAL_ROW_INCONSISTENT = "state, time and evidence of a transfer do not fit each other"
    TRANSFER_SUSPENDED = "the gateway itself found a contradiction; a human must look"

    # Files against each other
    BANK_INCOMPLETE = "others saw records that this file lacks: an older copy, or one without its -wal"
    HISTORY_REWRITTEN = "others saw another record where this file has one"
    NOT_IN_THE_JOURNAL = "a bank has an order that the journal does not know"
    ORDERS_DIFFER = "the same transfer is another order in another file"
    AMOUNTS_DIFFER = "the same transfer moved another amount in another file"
    STATES_DIFFER = "journal and banks cannot both be right about what became of a transfer"
    CREDITED_WITHOUT_DEBIT = "money was made: credited here, and never debited there"
    CREDITED_AND_RETURNED = "money was made: credited here, and given back there"
    SETTLED_WITHOUT_CREDIT = "money was lost: settled here, and never credited there"
    EVIDENCE_DIFFERS = "a row names a record of another file that is not there or not that one"
    STRANGE_BANK = "a bank has an outcome for a transfer that does not concern it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `where` is a bank's id, "gateway" or empty; `subject` is what of it, for example
    "entry 2"; `transfer_id` is whole, in hexadecimal digits, or empty."""

    kind: Kind
    where: str
    subject: str
    message: str
    transfer_id: str = ""

    @property
    def line(self) -> str:
        """For people: "SOUTH entry 2: amount 99.34, but account 1001 went from 5.00 to 17.34"."""
        return f"{' '.join(filter(None, (self.where, self.subject)))}: {self.message}"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "kind": self.kind.name,
            "meaning": self.kind.value,
            "where": self.where,
            "subject": self.subject,
            "message": self.message,
            "transfer_id": self.transfer_id,
        }


def short(transfer_id: bytes | None) -> str:
    """A transfer's id as people write it: its first eight digits."""
    return "?" if transfer_id is None else transfer_id.hex()[:8]
