"""The command line: every command, its flags, and examples. Imports next to nothing, so that ``--help`` is there at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from gameday.cli.flags import (
    Commands,
    Parser,
    add_command,
    add_keep,
    add_out,
    add_settings,
    add_system,
    add_target,
    add_what,
    examples,
)
from gameday.cli.program import command, program
from gameday.cli.reading import number, word
from gameday.cli.trouble import Trouble
from gameday.experiment.flaws import did_you_mean

COMMANDS = (
    "new",
    "list",
    "doctor",
    "validate",
    "plan",
    "run",
    "monkey",
    "init",
    "suite",
    "report",
    "recover",
    "up",
    "down",
    "export",
    "schema",
    "completion",
)


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
            hint=did_you_mean(first, COMMANDS),
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
    for add in (
        _new,
        _list,
        _doctor,
        _validate,
        _plan,
        _run,
        _monkey,
        _init,
        _suite,
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


class _Version(argparse.Action):
    """Print the version; looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - reading metadata takes longer than all of --help

        sys.stdout.write(f"gameday {version('gameday')}\n")
        parser.exit()


def _new(commands: Commands[Parser]) -> None:
    command = add_command(
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


def _list(commands: Commands[Parser]) -> None:
    add_command(commands, "list", "list the experiments there are", "gameday list", "gameday list | grep cache")


def _doctor(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "doctor",
        "tell what this machine lacks to run experiments",
        "gameday doctor",
        "gameday doctor --target kind",
    )
    add_target(command, "where the system would run: local or kind (default: local)")
    command.add_argument("--system", default="shop", metavar="SYSTEM", help="what would run there (default: shop)")


def _validate(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "validate",
        "check experiments and their systems, and tell every mistake at once",
        "gameday validate",
        "gameday validate cache-stampede",
        "gameday validate experiments/my-question.yaml",
    )
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="an experiment's or a suite's name or file (default: all there are)"
    )


def _plan(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "plan",
        "show what a run would do, touching nothing",
        "gameday plan cache-stampede",
        "gameday plan cache-stampede --variant naive --seed 7",
        "gameday plan slow-recommendations --json",
    )
    add_what(command)
    command.add_argument("--json", action="store_true", help="print the plan as JSON")


def _run(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "run",
        "run an experiment and judge it",
        "gameday run cache-stampede",
        "gameday run cache-stampede --variant naive",
        "gameday run slow-recommendations --seed 7 --out /tmp/reports",
        "gameday run cache-stampede --repeat 3 --keep 20",
        "gameday run cache-stampede --target kind",
    )
    add_what(command)
    add_out(command)
    command.add_argument(
        "--repeat",
        type=number(command, "--repeat", 1, 1000),
        default=1,
        metavar="N",
        help="run N times, each with the next seed, and judge all together (default: 1)",
    )
    add_keep(command)
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--yes", action="store_true", help="ask nothing")


def _monkey(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "monkey",
        "kill random replicas at random moments, and judge whether users notice",
        "gameday monkey",
        "gameday monkey --for 2m --every 8s --services web",
        "gameday monkey --target kind --seed 7 --load login=60/s,product=60/s",
    )
    command.add_argument("--system", default="shop", metavar="SYSTEM", help="what it visits (default: shop)")
    command.add_argument(
        "--for", dest="lasting", default="60s", metavar="TIME", help="for how long it comes (default: 60s)"
    )
    command.add_argument("--every", default="10s", metavar="TIME", help="how often, on average (default: 10s)")
    command.add_argument(
        "--services",
        metavar="NAMES",
        help="whose replicas, comma-separated; the only replica of a service dies only when it is named here"
        " (default: every service with several)",
    )
    command.add_argument(
        "--blast-radius",
        default="34%",
        metavar="SHARE",
        help="at most this share of a service's replicas at a time, at least one (default: 34%%)",
    )
    command.add_argument(
        "--held",
        default="75%",
        metavar="SHARE",
        help="pass if the steady state holds in more of the time (default: 75%%)",
    )
    command.add_argument(
        "--load", metavar="ROUTES", help="such as login=60/s,product=30/s (default: as other experiments on it)"
    )
    add_settings(command)
    add_out(command)
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _init(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "init",
        "look at a namespace, and write a first system file and experiment for it",
        "gameday init --context kind-gameday --namespace guestbook",
        "gameday init --context kind-gameday --namespace guestbook --out-folder experiments",
    )
    command.add_argument("--context", required=True, metavar="CONTEXT", help="which of the kubeconfig's contexts")
    command.add_argument("--namespace", required=True, metavar="NAME", help="which of its namespaces")
    command.add_argument(
        "--out-folder",
        type=Path,
        default=Path("experiments"),
        metavar="FOLDER",
        help="where experiments are kept (default: experiments)",
    )
    command.add_argument(
        "--allow-context",
        metavar="CONTEXT",
        help="look at a cluster whose context does not begin with kind-, named here",
    )


def _suite(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "suite",
        "run a list of experiments one after the other, and compare with the time before",
        "gameday suite nightly",
        "gameday suite nightly --target kind --keep 100",
        "gameday suite experiments/suites/mine.yaml --against last-night",
    )
    command.add_argument("suite", metavar="NAME", help="a suite's name or file")
    add_settings(command)
    add_out(command)
    command.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="compare with the newest result of the suite in FOLDER (default: the newest where runs are kept)",
    )
    add_keep(command)
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _export(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "export",
        "print an experiment as a file for Chaos Toolkit's own chaos run",
        "gameday export cache-stampede > cache-stampede.json",
        "gameday export slow-recommendations --variant naive > naive.json",
    )
    add_what(command)


def _report(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "report",
        "make a run's report again from what the run recorded",
        "gameday report",
        "gameday report reports/latest",
    )
    command.add_argument(
        "run", nargs="?", default="reports/latest", metavar="RUN", help="the folder of a run (default: reports/latest)"
    )


def _recover(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "recover",
        "undo whatever earlier runs left behind",
        "gameday recover",
        "gameday recover --out /tmp/reports",
        "gameday recover --target kind",
    )
    add_target(command, "where the runs were: local or kind; of kind, also all of the cluster (default: local)")
    command.add_argument(
        "--system", default="shop", metavar="SYSTEM", help="what the runs were about, for --target kind (default: shop)"
    )
    add_out(command)


def _up(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "up",
        "start the demo system and leave it running, for the runs in this folder and for you",
        "gameday up",
        "gameday up shop --variant naive",
        "gameday up --target kind",
    )
    add_system(command)
    add_target(command, "where the system runs: local or kind (default: local)")
    command.add_argument(
        "--variant", metavar="VARIANT", help="naive or hardened (default: hardened, or the one that is up)"
    )
    add_out(command)


def _down(commands: Commands[Parser]) -> None:
    command = add_command(commands, "down", "end what up has started", "gameday down", "gameday down --target kind")
    add_system(command)
    add_target(command, "where the system runs: local or kind (default: local)")
    add_out(command)


def _schema(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "schema",
        "print the JSON Schema of a kind of file, for editors",
        "gameday schema experiment > experiment.json",
        "gameday schema system",
    )
    command.add_argument(
        "kind",
        type=word(command, "KIND", "experiment", "system", "suite"),
        metavar="KIND",
        help="experiment, system or suite",
    )


def _completion(commands: Commands[Parser]) -> None:
    command = add_command(
        commands,
        "completion",
        "print a script that completes commands, flags, experiments and variants in a shell",
        'eval "$(gameday completion bash)"      # in ~/.bashrc',
        "gameday completion zsh > ~/.zfunc/_gameday",
        "gameday completion fish > ~/.config/fish/completions/gameday.fish",
    )
    command.add_argument(
        "shell",
        type=word(command, "SHELL", "bash", "zsh", "fish", untold=("words",)),
        metavar="SHELL",
        help="bash, zsh or fish",
    )
    command.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
