"""Banks that know something of an order already."""

from bank_service.books import Book
from bank_service.ledger import post
from interbank.instructions import InstructionKind as I
from tests.instructing import WITHIN_NORTH, a_book, change, instruct, post_one


def payers_bank(known: str) -> Book:
    """NORTH, knowing this of ORDER."""
    book = a_book({1001: 0 if known in ("nothing, no money", "REFUSED") else 10_000})
    steps = {
        "DEBITED": [I.DEBIT],
        "SETTLED": [I.DEBIT, I.SETTLE],
        "REFUSED": [I.DEBIT],
        "NOT_DEBITED": [I.RETURN_DEBIT],
        "RETURNED": [I.DEBIT, I.RETURN_DEBIT],
    }
    post(book, [instruct(kind) for kind in steps.get(known, [])])
    return book


def payees_bank(known: str) -> Book:
    """SOUTH, knowing this of ORDER."""
    book = a_book({2001: 0}, bank="SOUTH")
    if known in ("nothing, payee frozen", "REFUSED"):
        change(book, 2001, status="FROZEN")
    steps = {"CREDITED": I.CREDIT, "REFUSED": I.CREDIT, "CANCELLED": I.CANCEL_CREDIT}
    if known in steps:
        post_one(book, instruct(steps[known]))
    return book


def one_bank(known: str) -> Book:
    """NORTH, knowing this of an order between two of its own customers."""
    book = a_book({1001: 0 if known in ("nothing, no money", "REFUSED") else 10_000})
    if not known.startswith("nothing"):
        post_one(book, instruct(I.BOOK_TRANSFER, WITHIN_NORTH))
    return book


def counts(book: Book) -> tuple[int, int]:
    """Records and entries written so far; whatever was written is numbered without gaps."""
    gathered = book.gathered
    assert len(gathered.records) == len(gathered.outcomes) + len(gathered.conclusions) + len(gathered.acts)
    assert book.head.record_id == len(gathered.records)
    assert book.last_entry_id == len(gathered.entries)
    return len(gathered.records), len(gathered.entries)
