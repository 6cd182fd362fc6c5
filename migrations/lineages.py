"""The two histories: which code each of them serves."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import MetaData

import bank_service.tables
import bank_service.views
import gateway_service.tables
import gateway_service.views


@dataclass(frozen=True, slots=True)
class Lineage:
    """One service's schema as its code wants it: the newest revision, the tables, and views and triggers by name."""

    service: str
    revision: str
    metadata: MetaData
    views: Mapping[str, str]
    triggers: Mapping[str, str]


LINEAGES = {
    "bank": Lineage(
        "bank",
        bank_service.tables.SCHEMA_REVISION,
        bank_service.tables.metadata,
        bank_service.views.VIEWS,
        bank_service.views.TRIGGERS,
    ),
    "gateway": Lineage(
        "gateway",
        gateway_service.tables.SCHEMA_REVISION,
        gateway_service.tables.metadata,
        gateway_service.views.VIEWS,
        gateway_service.views.TRIGGERS,
    ),
}
"""By the name of their section in alembic.ini."""
