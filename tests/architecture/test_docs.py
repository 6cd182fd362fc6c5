"""What the documents name is there: tests behind the laws, files behind the paths."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_protocol_page_names_exists() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").glob("*/test_*.py"))
    named = re.findall(r"`(test_[a-z0-9_]+)`", text)
    assert len(named) >= 7, "one for each law"
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_bug_that_others_shipped_has_a_test() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", (ROOT / "docs" / "lab.md").read_text())
    assert len(named) >= 18
    assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []
