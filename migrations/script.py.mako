# ruff: noqa: E501
"""${message[0].upper() + message[1:]}.

A migration must not break compatibility with the previous version of the code: add, then use, then remove, in three
releases. It must not change a row that says what happened. It runs in one transaction with all others of its upgrade,
without views and triggers, which are made again after it. There is no way back but a backup.
"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Change the schema from the revision before to this one."""
    ${upgrades}
