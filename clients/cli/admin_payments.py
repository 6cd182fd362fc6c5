"""How the operator looks after the payments of all: what is in doubt, and letting one go on that was suspended."""

from datetime import UTC, datetime

import click

from clients.cli.desk import logged_in
from clients.cli.find_transfer import one_transfer
from clients.cli.options import Context, common
from clients.cli.output import Row, print_list, print_one, say
from clients.cli.rows import TRANSFER_COLUMNS, shown_transfer, transfer_row
from clients.cli.transfer_words import headline, short_id
from clients.cli.whereabouts import coloured

_COLUMNS = (*TRANSFER_COLUMNS, "principal", "suspended")


@click.command()
@common
@click.option("--in-doubt", is_flag=True, help="Only those that are not final.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
def transfers(context: Context, in_doubt: bool, limit: int) -> None:
    """List the payments of all customers, newest first.

    \b
      interbank admin transfers --in-doubt
    """
    with logged_in(context) as desk:
        rows = [transfer_row(found) for found in desk.client.admin.transfers(unfinished=in_doubt, limit=limit)]
        print_list(context, rows, _COLUMNS, shown=_shown_in_doubt if in_doubt else _shown_transfer)
        for row in rows:
            if row["suspended"]:
                say(f"{short_id(row['transfer_id'])} is suspended: docs/operate.md, A payment is suspended")
        if not rows:
            say("no payments are in doubt or under way" if in_doubt else "no payments yet")


@click.command()
@common
@click.argument("transfer_id", metavar="TRANSFER_ID")
def resume(context: Context, transfer_id: str) -> None:
    """Let a suspended payment go on, when you have looked.

    It decides nothing: the banks are asked again, and if their answers still contradict each other the payment is
    suspended again. TRANSFER_ID is any start of an id that is unique.

    \b
      interbank audit trail 39f2ddad
      interbank admin resume 39f2ddad
    """
    with logged_in(context) as desk:
        before = one_transfer(desk, transfer_id)
        now = desk.client.admin.resume(before.transfer_id)
        if context.output == "table":
            click.echo(coloured(headline(now, datetime.now(UTC)), now))
        else:
            print_one(context, transfer_row(now), TRANSFER_COLUMNS)
        if not before.suspended:
            say("it was not suspended; nothing was changed")
        elif not now.final:
            say(f"its banks are asked again: interbank watch {short_id(now.transfer_id)}")


def _shown_transfer(row: Row) -> Row:
    state = f"{row['state']}, suspended" if row["suspended"] else row["state"]
    return {**shown_transfer(row), "state": state, "principal": row["principal"]}


def _shown_in_doubt(row: Row) -> Row:
    doubt = row["in_doubt"] or {}
    told = {name: doubt.get(name, "") for name in ("waiting_for", "cause", "since")}
    return {**_shown_transfer(row), **told}
