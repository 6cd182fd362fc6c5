"""How a test says that something must be refused, and why."""

import contextlib
from collections.abc import Iterator

import pytest

from interbank.refusals import Reason, Refused


@contextlib.contextmanager
def refused(reason: Reason, *, field: str | None = None) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """What happens inside must be refused with this reason, and with this field at fault if one is named."""
    with pytest.raises(Refused) as caught:
        yield caught
    assert caught.value.reason is reason, f"{caught.value.reason.name}: {caught.value.message}"
    if field is not None:
        assert caught.value.field == field
