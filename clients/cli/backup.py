"""Save everything: one file for each database, consistent, with a manifest of hashes."""

from dataclasses import asdict
from pathlib import Path

import click

from clients.backup import back_up
from clients.cli.options import Context, common
from clients.cli.output import print_list, print_one, say
from clients.launcher.home import Home

COLUMNS = ("file", "service", "schema", "last_entry_id", "transfers", "size", "sha256")


@click.command()
@common
@click.option(
    "--to", "directory", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A new or empty directory."
)
def backup(context: Context, directory: Path) -> None:
    """Copy every database of the home, each into one file, with a manifest of hashes. The servers may run.

    \b
      interbank backup --to /media/stick/today
      interbank audit verify /media/stick/today
    """
    done = back_up(Home(context.home_directory), directory.expanduser())
    rows = [asdict(copy) for copy in done.copies]
    if context.output == "json":
        row = {"directory": str(done.directory), "made_at": done.made_at, "one_moment": done.one_moment, "files": rows}
        print_one(context, row)
    else:
        print_list(context, rows, COLUMNS)
    if not done.one_moment:
        say("Payments went on while the copies were begun: the last few may be in one file and not yet in another.")
    say(f"Prove it anywhere, without a server: interbank audit verify {done.directory}")
