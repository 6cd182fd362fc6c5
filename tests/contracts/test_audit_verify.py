"""Every edit of a database file that the auditor promises to find, made on a copy of clean books, and found."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from audit.commands import verify
from audit.findings import Finding, Kind
from tests.audit_books import canonical, edited, rechain, small_network

NORTH, SOUTH, GATEWAY = "banks/NORTH/bank.db", "banks/SOUTH/bank.db", "gateway/gateway.db"

K = Kind
# What somebody did to a file, and everything that is then found, no more and no less.
EDITS: dict[str, tuple[str, str, set[Kind]]] = {}
