"""Which gateway a bank lets in: the newest that was ever here, and no older one."""

from sqlalchemy import Connection, bindparam, insert, select, update

from bank_service.tables import gateway_epoch
from interbank.refusals import Reason, Refused
from interbank.storage.statements import Statement

_SEEN = Statement(select(gateway_epoch.c.epoch, gateway_epoch.c.instance))
_TAKE = Statement(update(gateway_epoch).values(epoch=bindparam("newer"), instance=bindparam("holder")))


def epoch_of(connection: Connection) -> int:
    """The epoch of the newest gateway that was here; 0 if none was."""
    seen = _SEEN.rows(connection)
    return int(seen[0][0]) if seen else 0


def fence(connection: Connection, epoch: int, instance: bytes) -> None:
    """Let no older gateway in any more. The same epoch is let in again only for the very process that took it. Raises
    Refused(EPOCH_SUPERSEDED)."""
    seen = _SEEN.rows(connection)
    if not seen:
        connection.execute(insert(gateway_epoch).values(only_row=1, epoch=epoch, instance=instance))
        return
    newest, holder = seen[0]
    if epoch > newest:
        _TAKE.rows(connection, newer=epoch, holder=instance)
    elif (epoch, instance) != (newest, holder):
        raise Refused(Reason.EPOCH_SUPERSEDED, f"epoch {epoch} is over: a gateway with epoch {newest} was here")
