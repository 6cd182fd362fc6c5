"""`python -m audit verify /media/stick`: the auditor's command line. Exit 0 clean, 7 findings, 1 and 2 errors."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from audit.commands import reconcile, verify
from audit.files import CannotAudit
from audit.positions import positions
from audit.text import harmless, picture_lines, position_lines, report_lines, trail_lines
from audit.trail import trail

EXIT_CLEAN, EXIT_ERROR, EXIT_USAGE, EXIT_FINDINGS = 0, 1, 2, 7
_USAGE = frozenset({"TRANSFER_ID_MALFORMED"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one question and print its answer; returns the exit code."""
    options = _parse(arguments)
    try:
        result, lines, code = _answer(options)
    except CannotAudit as error:
        sys.stderr.write(f"error: {harmless(error.message)}. {error.reason}\n")
        if error.hint:
            sys.stderr.write(f"{error.hint}\n")
        return EXIT_USAGE if error.reason in _USAGE else EXIT_ERROR
    except OSError as error:
        sys.stderr.write(f"error: {harmless(str(error))}\n")
        return EXIT_ERROR
    if options.json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    return code


def _answer(options: argparse.Namespace) -> tuple[dict[str, object], Iterable[str], int]:
    """The result for programs, its lines for people, and the exit code."""
    if options.command == "trail":
        found = trail(options.transfer_id, options.places)
        picture = [*picture_lines(found), ""] if options.picture else []
        code = EXIT_CLEAN if found.clean else EXIT_FINDINGS
        return found.as_json(), [*picture, *trail_lines(found)], code
    if options.command == "positions":
        owed = positions(options.places)
        return owed.as_json(), position_lines(owed), EXIT_CLEAN
    report = verify(options.places) if options.command == "verify" else reconcile(options.places)
    return report.as_json(), report_lines(report), report.exit_code


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m audit",
        usage="python -m audit verify|reconcile|positions [HOME_OR_FILES...] [--json]\n"
        "       python -m audit trail TRANSFER_ID [HOME_OR_FILES...] [--picture] [--json]",
        description="Proves the books from the database files alone: asks no server, changes nothing.",
        epilog="verify: recompute every number of every file, then compare the files. reconcile: compare every "
        "transfer three ways. trail: follow one transfer. positions: who owes whom. Exit 0, 7 findings, 1 or 2 error.",
    )
    parser.add_argument("command", choices=("verify", "reconcile", "trail", "positions"))
    parser.add_argument(
        "words", metavar="HOME_OR_FILES", nargs="*", help="homes, folders, files; by default this folder"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--picture", action="store_true", help="trail: draw the messages")
    options = parser.parse_intermixed_args(arguments)
    if options.command == "trail":
        if not options.words:
            parser.error("trail needs a TRANSFER_ID: any unique beginning of it")
        options.transfer_id = options.words.pop(0)
    options.places = [Path(word) for word in options.words or ["."]]
    return options


if __name__ == "__main__":
    sys.exit(main())
