"""The two histories: which schema each of them leads to."""

import bank_service.schema
import gateway_service.schema
from interbank.storage.schema import Schema

SCHEMAS: dict[str, Schema] = {"bank": bank_service.schema.SCHEMA, "gateway": gateway_service.schema.SCHEMA}
"""By the name of their section in alembic.ini."""
