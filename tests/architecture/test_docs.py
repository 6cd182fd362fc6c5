"""What the documents name is there: tests behind the laws, files behind the paths."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("page", "at_least"), [("protocol.md", 7), ("lab.md", 15)])
def test_every_test_that_a_page_names_exists(page: str, at_least: int) -> None:
    text = (ROOT / "docs" / page).read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").glob("*/test_*.py"))
    named = re.findall(r"`(test_[a-z0-9_]+)`", text)
    assert len(named) >= at_least, "one for each law, or for each bug of others"
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_bug_that_others_shipped_has_a_test() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", (ROOT / "docs" / "lab.md").read_text())
    assert len(named) >= 18
    assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []
