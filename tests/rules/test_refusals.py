"""Every no has a name, a kind, a meaning and an exit code, and `docs/reasons.md` lists them all."""

import pickle
import re
from pathlib import Path

import grpc
import pytest

from interbank.refusals import EXIT_CODES, Kind, Reason, Refused
from tests.rules.reasons_page import PAGE, render

ROOT = Path(__file__).parents[2]

each_reason = pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)


@each_reason
def test_a_reason_is_a_name_a_kind_a_code_and_a_meaning(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", reason.name)
    assert isinstance(reason.kind, Kind)
    assert re.fullmatch(r"([A-Z]{2}\d{2})?", reason.iso_code)
    assert re.fullmatch(r"\S.{8,98}[^.\s]", reason.meaning)


def test_no_two_reasons_are_one() -> None:
    """Members of an Enum with one value are one member; a reason would silently become another."""
    assert len(Reason.__members__) == len(list(Reason))
    assert len({reason.meaning for reason in Reason}) == len(list(Reason))
    assert len(Kind.__members__) == len(list(Kind))


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_every_kind_is_a_grpc_status_and_has_an_exit_code(kind: Kind) -> None:
    assert isinstance(getattr(grpc.StatusCode, kind.value), grpc.StatusCode)
    assert EXIT_CODES[kind] in range(1, 7)


def test_only_not_now_may_be_tried_again() -> None:
    again = {kind for kind in Kind if any(reason.try_again for reason in Reason if reason.kind is kind)}
    assert again == {Kind.UNAVAILABLE, Kind.BUSY, Kind.IN_PROGRESS}


def test_a_refusal_without_words_says_what_its_reason_means() -> None:
    refused = Refused(Reason.BANK_BUSY)
    assert refused.message == str(refused) == Reason.BANK_BUSY.meaning
    assert (refused.field, refused.hint, refused.retry_after_ms, refused.request_id) == ("", "", 0, "")


def test_a_refusal_reaches_another_process_whole() -> None:
    refused = Refused(Reason.BANK_BUSY, "too much waits", field="payer_bank", hint="wait", retry_after_ms=200)
    refused.request_id = "7f"
    arrived = pickle.loads(pickle.dumps(refused))  # noqa: S301
    assert (type(arrived), str(arrived), vars(arrived)) == (Refused, str(refused), vars(refused))


def test_every_reason_that_the_code_names_exists() -> None:
    named = {
        (path.relative_to(ROOT), name)
        for room in ("interbank", "bank_service", "gateway_service", "certs", "clients", "migrations")
        for path in (ROOT / room).rglob("*.py")
        for name in re.findall(r"\bReason\.([A-Z_]{3,})\b", path.read_text())
    }
    assert named
    assert [use for use in sorted(named) if use[1] not in Reason.__members__] == []


def test_the_page_of_reasons_is_the_table() -> None:
    assert PAGE.read_text() == render(), "write it again: python tests/rules/reasons_page.py"
