"""The whole schema of a bank's database: what a server checks at its start, and what migrations lead to."""

from bank_service.tables import SCHEMA_REVISION, metadata
from bank_service.views import TRIGGERS, VIEWS
from interbank.storage.schema import Schema

SCHEMA = Schema("bank", SCHEMA_REVISION, metadata, VIEWS, TRIGGERS)
