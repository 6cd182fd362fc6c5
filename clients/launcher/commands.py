"""The commands that run a network: up, down, ps, logs."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict

import click

from clients.cli.errors import error_body
from clients.cli.options import Context, common
from clients.cli.output import Ended, harmless, local_time, print_list, say
from clients.launcher.home import Home, Place
from clients.launcher.network import MOST_SESSION_DAYS, SESSION_DAYS, Network
from clients.launcher.network_file import read_network
from clients.launcher.wishes import Wish
from interbank.refusals import Reason, Refused

# What grpc and cryptography are needed for is loaded by the command that needs it: `--help` and `logs` are quick.


@click.command()
@click.option("--banks", metavar="NORTH,SOUTH:USD", help="The banks of a new network; NAME:CUR for another currency.")
@click.option(
    "--port-base", type=click.IntRange(0, 65535), metavar="N", help="The first port; 0 finds free ones, once."
)
@click.option("--currency", metavar="CUR", help="The currency of new banks: ISO 4217, by default EUR.")
@click.option("--add-bank", "added", multiple=True, metavar="NAME[:CUR]", help="Make one bank more, on purpose.")
@click.option("--counter/--no-counter", default=None, help="Whether customers may deposit and withdraw cash.")
@click.option("--listen", metavar="ADDRESS", help="Serve customers here; needs another admin password than 1234.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="A name that customers call the gateway by.")
@click.option(
    "--session-days",
    type=click.IntRange(1, MOST_SESSION_DAYS),
    metavar="N",
    help=f"A session that is unused for so long ends; by default {SESSION_DAYS} days.",
)
@click.option("--demo", is_flag=True, help="Open demo accounts for alice and bob, and the counter.")
@click.option("--detach", is_flag=True, help="Return when all banks have joined, and leave the network running.")
@common
def up(
    context: Context,
    *,
    banks: str | None,
    port_base: int | None,
    currency: str | None,
    added: tuple[str, ...],
    counter: bool | None,
    listen: str | None,
    names: tuple[str, ...],
    session_days: int | None,
    demo: bool,
    detach: bool,
) -> None:
    """Start a network, or what of it is not running.

    A new home gets a certificate authority, certificates, databases, and the banks NORTH, SOUTH and EAST unless --banks
    names others. What was decided stands in HOME/network.toml; later the home alone is enough.

    \b
      interbank up                                   and Ctrl-C stops all of it
      interbank up --home ~/six --banks NORTH,SOUTH,EAST,WEST,LAKE,HILL --detach
      interbank up --home ~/six --add-bank FORD:USD --detach
    """
    from clients.launcher.launching import launch

    wish = Wish(
        banks=None if banks is None else tuple(banks.split(",")),
        added=added,
        currency=currency,
        port_base=port_base,
        counter=True if demo and counter is None else counter,
        listen=listen,
        names=names,
        session_days=session_days,
    )
    launch(context, Home(context.home_directory), wish, demo=demo, detach=detach)


@click.command()
@click.option("--now", is_flag=True, help="Kill at once. No money is lost: what was not answered is asked again.")
@common
def down(context: Context, *, now: bool) -> None:
    """Stop the network: the gateway first, then its banks. Payments that are not final go on at the next start.

    \b
      interbank down
      interbank down --home ~/six --now
    """
    from clients.launcher.processes import stop_all

    home, network = _network_of(context)
    with home.alone():
        stopped = stop_all(_places(home, network), now=now)
    if context.output == "table":
        click.echo(f"stopped {' '.join(stopped)}" if stopped else "nothing was running")
    else:
        print_list(context, [{"name": name, "state": "down"} for name in stopped], ("name", "state"))


@click.command()
@click.option("--check", is_flag=True, help="End with 1 unless every process serves.")
@common
def ps(context: Context, *, check: bool) -> None:
    """Show the processes of the network, and whether payments flow through them.

    \b
      interbank ps
      interbank ps --check || echo "not all of it serves"
    """
    from clients.launcher.proof import last_proof
    from clients.launcher.standing import stand
    from clients.launcher.texts import waiting_lines

    home, network = _network_of(context)
    standings = stand(home, network)
    rows = [
        asdict(one)
        | {
            "since": one.since.isoformat().replace("+00:00", "Z") if one.since else None,
            "database": str(one.database.relative_to(home.directory) if context.output == "table" else one.database),
        }
        for one in standings
    ]
    columns = ("name", "state", "since", "pid", "address", "last_entry", "waiting", "in_doubt", "database")
    print_list(context, rows, columns)
    for line in waiting_lines(standings):
        say(line)
    if proved := last_proof(home):
        say(f"Books last proved equal: {local_time(proved.isoformat())}")
    idle = [one.name for one in standings if one.state != "serving"]
    if check and idle:
        message = f"not serving: {', '.join(idle)}"
        hint = "interbank up"
        raise Ended(1, [f"error: {message}.", hint], error_body("NOT_SERVING", message, hint=hint))


@click.command()
@click.argument("name", required=False)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "-n", "--lines", "count", type=click.IntRange(0), help="Only the last N lines; by default all, 10 with -f."
)
@common
def logs(context: Context, *, name: str | None, following: bool, count: int | None) -> None:
    """Show what every process did, or the one that is named, in the order of time (UTC).

    \b
      interbank logs -f
      interbank logs SOUTH --lines 20
    """
    from clients.launcher.logs import Line, follow, read_merged

    home, network = _network_of(context)
    paths = [place.log for place in _places(home, network) if name in (None, place.name)]
    if not paths:
        raise Refused(Reason.UNKNOWN_BANK, f"no process {name} in this network", field="name", hint="interbank ps")

    def lines() -> Iterator[Line]:
        ends = {path: path.stat().st_size for path in paths if path.exists()}
        limit = 10 if following and count is None else count
        yield from read_merged(paths) if limit is None else deque(read_merged(paths), limit)
        if following:
            yield from follow(paths, from_ends=ends)

    if context.output == "table":
        for line in lines():
            click.echo(harmless(line.text))
    elif following:
        raise click.UsageError("-f shows lines as they come, which is no list; leave out -o, or -f")
    else:
        rows = [
            {"at": line.at.isoformat().replace("+00:00", "Z"), "name": line.name, "text": line.text} for line in lines()
        ]
        print_list(context, rows, ("at", "name", "text"))


def _network_of(context: Context) -> tuple[Home, Network]:
    home = Home(context.home_directory)
    network = read_network(home.network_file)
    if network is None:
        hint = f"start one: interbank up{f' --home {context.home}' if context.home else ''}"
        raise Refused(Reason.HOME_EMPTY, f"there is no network in {home.directory}", hint=hint)
    return home, network


def _places(home: Home, network: Network) -> list[Place]:
    return [home.gateway, *(home.bank(member.bank) for member in network.banks)]
