"""The command line: every command, its flags, and examples. Imports next to nothing, so that ``--help`` is there at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from gameday.cli.program import RUNS, command, program
from gameday.cli.trouble import Trouble
from gameday.experiment.flaws import did_you_mean

COMMANDS = (
    "new",
    "list",
    "doctor",
    "validate",
    "plan",
    "run",
    "report",
    "recover",
    "up",
    "down",
    "export",
    "schema",
    "completion",
)
DEFAULT_VARIANT = "hardened"


class Parser(argparse.ArgumentParser):
    """Tells mistakes of usage in the one shape of errors."""

    def error(self, message: str) -> NoReturn:
        """Raise the trouble in place of printing usage and leaving."""
        raise Trouble(message, next=f"{self.prog} --help")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Read the command line.

    Raises:
        Trouble: It cannot be understood.
        SystemExit: ``--help`` or ``--version`` was asked for, and answered.
    """
    word = next((each for each in arguments if not each.startswith("-")), None)
    if word is not None and word not in COMMANDS and arguments[0] == word:
        raise Trouble(
            f"there is no command {word}",
            seen=word,
            valid=", ".join(COMMANDS),
            hint=did_you_mean(word, COMMANDS),
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
        epilog=_examples(
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
    for add in (
        _new,
        _list,
        _doctor,
        _validate,
        _plan,
        _run,
        _report,
        _recover,
        _up,
        _down,
        _export,
        _schema,
        _completion,
    ):
        add(commands)
    for each in commands.choices.values():
        # What it knows, for the error when it is given something else.
        flags = tuple(name for action in each._actions for name in action.option_strings if name.startswith("--"))  # noqa: SLF001 - argparse has no public list of its options
        each.set_defaults(flags=flags)
    return root


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for what add_subparsers returns
_Add = Callable[["_Commands[Parser]"], None]


class _Version(argparse.Action):
    """Print the version; looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - reading metadata takes longer than all of --help

        sys.stdout.write(f"gameday {version('gameday')}\n")
        parser.exit()


def _command(commands: _Commands[Parser], name: str, says: str, *examples: str) -> Parser:
    command = commands.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=_examples(*examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    return command


def _examples(*lines: str) -> str:
    """Write examples as they are typed here; the first ``gameday`` of each line is the program."""
    return "examples:\n" + "\n".join(f"  {line.replace('gameday', program(), 1)}" for line in lines)


def _new(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "new",
        "write a first experiment file, to be changed",
        "gameday new slow-payments",
        "gameday new slow-payments --fault latency --route checkout",
        "gameday new lost-cache --system shop --fault empty-cache --route product",
    )
    command.add_argument("called", metavar="NAME", help="the experiment's name; the file is experiments/NAME.yaml")
    command.add_argument("--system", default="shop", metavar="SYSTEM", help="what it is about (default: shop)")
    command.add_argument("--fault", default="latency", metavar="FAULT", help="what is done to it (default: latency)")
    command.add_argument(
        "--route", metavar="ROUTE", help="the route that it is about (default: the first that the fault can matter to)"
    )


def _list(commands: _Commands[Parser]) -> None:
    _command(commands, "list", "list the experiments there are", "gameday list", "gameday list | grep cache")


def _doctor(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "doctor",
        "tell what this machine lacks to run experiments",
        "gameday doctor",
        "gameday doctor --target local",
    )
    _target(command, "where the system would run (default: local)")


def _validate(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "validate",
        "check experiments and their systems, and tell every mistake at once",
        "gameday validate",
        "gameday validate cache-stampede",
        "gameday validate experiments/my-question.yaml",
    )
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="an experiment's name or file (default: all there are)"
    )


def _plan(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "plan",
        "show what a run would do, touching nothing",
        "gameday plan cache-stampede",
        "gameday plan cache-stampede --variant naive --seed 7",
        "gameday plan slow-recommendations --json",
    )
    _what(command)
    command.add_argument("--json", action="store_true", help="print the plan as JSON")


def _run(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "run",
        "run an experiment and judge it",
        "gameday run cache-stampede",
        "gameday run cache-stampede --variant naive",
        "gameday run slow-recommendations --seed 7 --out /tmp/reports",
        "gameday run cache-stampede --repeat 3 --keep 20",
    )
    _what(command)
    _out(command)
    command.add_argument(
        "--repeat",
        type=_number(command, "--repeat", 1, 1000),
        default=1,
        metavar="N",
        help="run N times, each with the next seed, and judge all together (default: 1)",
    )
    command.add_argument(
        "--keep",
        type=_number(command, "--keep", 1, 1_000_000),
        metavar="N",
        help="afterwards remove all runs but the newest N, and those that left something behind (default: keep all)",
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--yes", action="store_true", help="ask nothing")


def _export(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "export",
        "print an experiment as a file for Chaos Toolkit's own chaos run",
        "gameday export cache-stampede > cache-stampede.json",
        "gameday export slow-recommendations --variant naive > naive.json",
    )
    _what(command)


def _report(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "report",
        "make a run's report again from what the run recorded",
        "gameday report",
        "gameday report reports/latest",
    )
    command.add_argument(
        "run", nargs="?", default="reports/latest", metavar="RUN", help="the folder of a run (default: reports/latest)"
    )


def _recover(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "recover",
        "undo whatever earlier runs left behind",
        "gameday recover",
        "gameday recover --out /tmp/reports",
    )
    _out(command)


def _up(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "up",
        "start the demo system and leave it running, for the runs in this folder and for you",
        "gameday up",
        "gameday up shop --variant naive",
    )
    _system(command)
    _target(command, "where the system runs (default: local)")
    command.add_argument(
        "--variant", metavar="VARIANT", help="naive or hardened (default: hardened, or the one that is up)"
    )
    _out(command)


def _down(commands: _Commands[Parser]) -> None:
    command = _command(commands, "down", "end what up has started", "gameday down", "gameday down --out /tmp/reports")
    _system(command)
    _target(command, "where the system runs (default: local)")
    _out(command)


def _schema(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "schema",
        "print the JSON Schema of a kind of file, for editors",
        "gameday schema experiment > experiment.json",
        "gameday schema system",
    )
    command.add_argument(
        "kind", type=_word(command, "KIND", "experiment", "system"), metavar="KIND", help="experiment or system"
    )


def _completion(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "completion",
        "print a script that completes commands, flags, experiments and variants in a shell",
        'eval "$(gameday completion bash)"      # in ~/.bashrc',
        "gameday completion zsh > ~/.zfunc/_gameday",
        "gameday completion fish > ~/.config/fish/completions/gameday.fish",
    )
    command.add_argument(
        "shell",
        type=_word(command, "SHELL", "bash", "zsh", "fish", untold=("words",)),
        metavar="SHELL",
        help="bash, zsh or fish",
    )
    command.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _system(command: Parser) -> None:
    command.add_argument("system", nargs="?", default="shop", metavar="SYSTEM", help="a system's name (default: shop)")


def _out(command: Parser) -> None:
    command.add_argument(
        "--out", type=Path, default=RUNS, metavar="FOLDER", help="where runs are kept (default: reports)"
    )


def _what(command: Parser) -> None:
    command.add_argument("name", metavar="NAME", help="an experiment's name or file")
    _target(command, "where the system runs (default: local)")
    command.add_argument(
        "--variant", default=DEFAULT_VARIANT, metavar="VARIANT", help="naive or hardened (default: hardened)"
    )
    command.add_argument("--seed", type=_seed(command), default=1, metavar="N", help="fixes every arrival (default: 1)")


def _target(command: Parser, says: str) -> None:
    command.add_argument(
        "--target", type=_word(command, "--target", "local"), default="local", metavar="TARGET", help=says
    )


def _word(command: Parser, what: str, *valid: str, untold: tuple[str, ...] = ()) -> Callable[[str], str]:
    """Accept one of several words, and those that only programs say."""

    def read(text: str) -> str:
        if text in {*valid, *untold}:
            return text
        hint = did_you_mean(text, valid)
        raise Trouble(
            f"{what} is not a valid word", seen=text, valid=", ".join(valid), hint=hint, next=f"{command.prog} --help"
        )

    return read


def _seed(command: Parser) -> Callable[[str], int]:
    """Accept a whole number that fits every random source."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 18:
            return int(text)
        raise Trouble(
            "--seed cannot be read", seen=text, valid="a whole number below 10^18", next=f"{command.prog} --help"
        )

    return read


def _number(command: Parser, what: str, least: int, most: int) -> Callable[[str], int]:
    """Accept a whole number in ``[least, most]``."""

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 18 and least <= int(text) <= most:
            return int(text)
        raise Trouble(
            f"{what} cannot be read",
            seen=text,
            valid=f"a whole number from {least} to {most}",
            next=f"{command.prog} --help",
        )

    return read
