"""The command line as a whole; what each command takes is in ``usage``. Imports next to nothing, so that ``--help`` is there at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from gameday.cli.flags import Commands, Parser, examples
from gameday.cli.program import command, program
from gameday.cli.trouble import Trouble
from gameday.cli.usage import files, runs, systems
from gameday.experiment.flaws import did_you_mean

COMMANDS: Mapping[str, Callable[[Commands[Parser], str], None]] = {
    "new": files.add_new,
    "list": files.add_list,
    "doctor": systems.add_doctor,
    "validate": files.add_validate,
    "plan": runs.add_plan,
    "run": runs.add_run,
    "monkey": runs.add_monkey,
    "init": systems.add_init,
    "suite": runs.add_suite,
    "report": runs.add_report,
    "compare": runs.add_compare,
    "recover": systems.add_recover,
    "up": systems.add_up,
    "down": systems.add_down,
    "export": runs.add_export,
    "manifests": files.add_manifests,
    "schema": files.add_schema,
    "completion": files.add_completion,
}
"""What adds each command, in the order of ``--help``."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Read the command line.

    Raises:
        Trouble: It cannot be understood.
        SystemExit: ``--help`` or ``--version`` was asked for, and answered.
    """
    first = next((each for each in arguments if not each.startswith("-")), None)
    if first is not None and first not in COMMANDS and arguments[0] == first:
        raise Trouble(
            f"there is no command {first}",
            seen=first,
            valid=", ".join(COMMANDS),
            hint=did_you_mean(first, tuple(COMMANDS)),
            next=command("--help"),
        )
    root = parser()
    args, unknown = root.parse_known_args(arguments)
    if unknown:
        asked = command(args.command) if args.command else program()
        raise Trouble(
            f"{asked} does not know {unknown[0]}",
            seen=" ".join(unknown),
            valid=", ".join(args.flags) if args.command else "a command",
            hint=did_you_mean(unknown[0], args.flags) if args.command else "",
            next=f"{asked} --help",
        )
    return args


def parser() -> Parser:
    """Build the whole parser."""
    root = Parser(
        prog=program(),
        description="Break a system on purpose, under load, and learn whether it holds.",
        epilog=examples(
            "gameday list                        the experiments there are",
            "gameday run cache-stampede          does an empty cache melt the database?",
            "gameday plan slow-recommendations   what that would do, without doing it",
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    root.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    root.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, add in COMMANDS.items():
        add(commands, name)
    for each in commands.choices.values():
        # For the error when it is given something else.
        each.set_defaults(flags=each.flags)
    return root


class _Version(argparse.Action):
    """Print the version; looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - reading metadata takes longer than all of --help

        sys.stdout.write(f"gameday {version('gameday')}\n")
        parser.exit()
