"""Which gateway a bank lets in: the newest that was ever here, and no older one."""

from sqlalchemy import Connection, insert, select, update

from bank_service.tables import gateway_epoch
from interbank.refusals import Reason, Refused


def fence(connection: Connection, epoch: int, instance: bytes) -> None:
    """Let no older gateway in any more. The same epoch is let in again only for the very process that took it. Raises
    Refused(EPOCH_SUPERSEDED)."""
    seen = connection.execute(select(gateway_epoch.c.epoch, gateway_epoch.c.instance)).first()
    if seen is None:
        connection.execute(insert(gateway_epoch).values(only_row=1, epoch=epoch, instance=instance))
    elif epoch > seen.epoch:
        connection.execute(update(gateway_epoch).values(epoch=epoch, instance=instance))
    elif (epoch, instance) != (seen.epoch, seen.instance):
        raise Refused(Reason.EPOCH_SUPERSEDED, f"epoch {epoch} is over: a gateway with epoch {seen.epoch} was here")
