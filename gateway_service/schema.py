"""The whole schema of a gateway's database: what a server checks at its start, and what migrations lead to."""

from gateway_service.tables import SCHEMA_REVISION, metadata
from gateway_service.views import TRIGGERS, VIEWS
from interbank.storage.schema import Schema

SCHEMA = Schema("gateway", SCHEMA_REVISION, metadata, VIEWS, TRIGGERS)
