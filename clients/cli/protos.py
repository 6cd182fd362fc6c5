"""The contract for other languages: the .proto files that this very version speaks."""

from importlib.resources import files
from pathlib import Path

import click

from clients.cli.options import Context, common
from clients.cli.output import print_list, say

_CONTRACT = ("protos", "v1")
"""The package that holds the files. Below the output directory they keep this path, since they import each other by
it."""


@click.command()
@common
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def protos(context: Context, out: Path) -> None:
    """Write out the contract, for other languages: the .proto files, below DIR/protos/v1.

    \b
      interbank protos --out contract
      protoc -I contract --python_out=. contract/protos/v1/*.proto
    """
    directory = out.joinpath(*_CONTRACT)
    directory.mkdir(parents=True, exist_ok=True)
    contract = [file for file in files(".".join(_CONTRACT)).iterdir() if file.name.endswith(".proto")]
    rows = []
    for file in sorted(contract, key=lambda found: found.name):
        written = directory / file.name
        written.write_bytes(file.read_bytes())
        rows.append({"file": str(written)})
    print_list(context, rows, ("file",))
    say(f"protoc -I {out} … {directory}/*.proto")
