"""Empty databases of either service at the newest schema, quicker than by migrations (a test holds the two equal)."""

import functools
import tempfile
from pathlib import Path

from sqlalchemy import create_engine

from interbank.storage.schema import Schema
from interbank.storage.sqlite import driver
from lab.layout import lay_out
from migrations.schemas import SCHEMAS


def make_database(path: Path, schema: Schema) -> None:
    """One at this path, where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty_database(schema.service))


@functools.cache
def _empty_database(service: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        engine = create_engine(f"sqlite:///{path}", module=driver())
        with engine.begin() as connection:
            lay_out(connection, SCHEMAS[service])
        engine.dispose()
        return path.read_bytes()
