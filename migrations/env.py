"""Run by Alembic for each command, whichever of the two histories it is about."""

from migrations.environment import run

run()
