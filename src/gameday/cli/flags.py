"""What commands have in common: their parser, and the flags that several of them take. Imports next to nothing, as ``parser``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from gameday.cli.program import RUNS, program
from gameday.cli.reading import number, seed, word
from gameday.cli.trouble import Trouble

DEFAULT_VARIANT = "hardened"
TARGETS = ("local", "kind")
"""Where a system can run, as the model of the system file has it, which takes longer to import than all of ``--help``."""
KINDS = ("experiment", "system", "suite")
"""The kinds of files that have a JSON Schema."""
ACCOUNTS = ("account", "role", "janitor", "node-role", "policy", "network-policy")
"""The manifests of accounts and rights, as ``targets/kubernetes/manifests`` has them, which takes longer to import."""
SHELLS = ("bash", "zsh", "fish")


class Parser(argparse.ArgumentParser):
    """Tells mistakes of usage in the one shape of errors."""

    def error(self, message: str) -> NoReturn:
        """Raise the trouble in place of printing usage and leaving."""
        raise Trouble(message, next=f"{self.prog} --help")

    @property
    def flags(self) -> tuple[str, ...]:
        """Return the flags it knows, in their long form."""
        return tuple(name for action in self._actions for name in action.option_strings if name.startswith("--"))


Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns


def add_command(commands: Commands[Parser], name: str, says: str, *lines: str) -> Parser:
    """Add a command; what it says of itself is a phrase, in lower case."""
    command = commands.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=examples(*lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    return command


def examples(*lines: str) -> str:
    """Write examples as they are typed here; the first ``gameday`` of each line is the program."""
    return "examples:\n" + "\n".join(f"  {line.replace('gameday', program(), 1)}" for line in lines)


def add_system(command: Parser) -> None:
    """Take the name of a system."""
    command.add_argument("system", nargs="?", default="shop", metavar="SYSTEM", help="a system's name (default: shop)")


def add_about(command: Parser, says: str) -> None:
    """Take the name of a system by a flag."""
    command.add_argument("--system", default="shop", metavar="SYSTEM", help=f"{says} (default: shop)")


def add_json(command: Parser, what: str) -> None:
    """Take whether what is printed is JSON."""
    command.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def add_out(command: Parser) -> None:
    """Take the folder of runs."""
    command.add_argument(
        "--out", type=Path, default=RUNS, metavar="FOLDER", help="where runs are kept (default: reports)"
    )


def add_keep(command: Parser, what: str = "all runs but the newest N") -> None:
    """Take how many runs to keep, and of what else as many."""
    command.add_argument(
        "--keep",
        type=number(command, "--keep", 1, 1_000_000),
        metavar="N",
        help=f"afterwards remove {what}, and those that left something behind (default: keep all)",
    )


def add_what(command: Parser) -> None:
    """Take an experiment and how it is run."""
    command.add_argument("name", metavar="NAME", help="an experiment's name or file")
    add_settings(command)


def add_settings(command: Parser) -> None:
    """Take how experiments are run."""
    add_target(command, "where the system runs: local or kind (default: local)")
    command.add_argument(
        "--variant", default=DEFAULT_VARIANT, metavar="VARIANT", help="naive or hardened (default: hardened)"
    )
    command.add_argument("--seed", type=seed(command), default=1, metavar="N", help="fixes every arrival (default: 1)")


def add_target(command: Parser, says: str) -> None:
    """Take where the system runs."""
    command.add_argument(
        "--target", type=word(command, "--target", *TARGETS), default=TARGETS[0], metavar="TARGET", help=says
    )
    command.add_argument(
        "--allow-context",
        metavar="CONTEXT",
        help="touch a cluster whose context does not begin with kind-, named here (for --target kind)",
    )
