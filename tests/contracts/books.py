"""A bank's database in a temporary folder, for tests that look at rows as much as at answers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bank_service.tables
import bank_service.views
from bank_service.books import CASH, INTERNAL_ACCOUNTS, Account
from bank_service.settings import BankSettings
from bank_service.storage import load_book, store
from bank_service.tables import grants
from interbank.currencies import scale
from interbank.storage.engine import open_engine
from interbank.storage.sqlite import driver
from sqlalchemy import Connection, Engine, insert
from tests.instructing import CUSTOMERS, HOUR, NOW, cash, grant_of
from tests.world import make_database

SETTINGS = BankSettings("NORTH", "EUR", counter_open=True, operator_admitted=True)
