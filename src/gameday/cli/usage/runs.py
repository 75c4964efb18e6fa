"""What the commands about experiments and their runs take. Imports next to nothing, as ``parser``."""

from __future__ import annotations

from pathlib import Path

from gameday.cli.flags import (
    Commands,
    Parser,
    add_about,
    add_command,
    add_json,
    add_keep,
    add_out,
    add_settings,
    add_what,
)
from gameday.cli.reading import number


def add_plan(commands: Commands[Parser], name: str) -> None:
    """Take an experiment, and how it would be run."""
    command = add_command(
        commands,
        name,
        "show what a run would do, touching nothing",
        "gameday plan cache-stampede",
        "gameday plan cache-stampede --variant naive --seed 7",
        "gameday plan slow-recommendations --json",
    )
    add_what(command)
    add_json(command, "the plan")


def add_run(commands: Commands[Parser], name: str) -> None:
    """Take an experiment, how it is run and how often, and where the runs are kept."""
    command = add_command(
        commands,
        name,
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
    add_json(command, "the result")
    command.add_argument(
        "--yes", action="store_true", help="ask nothing; no run asks anything, so this changes nothing"
    )


def add_monkey(commands: Commands[Parser], name: str) -> None:
    """Take what the monkey does, how it is run, and where the run is kept."""
    command = add_command(
        commands,
        name,
        "kill random replicas at random moments, and judge whether users notice",
        "gameday monkey",
        "gameday monkey --for 2m --every 15s --services web",
        "gameday monkey --target kind --seed 7 --load login=60/s,product=60/s",
    )
    add_about(command, "what it visits")
    command.add_argument(
        "--for",
        dest="lasting",
        default="150s",
        metavar="TIME",
        help="for how long it comes, at most 1h (default: 150s)",
    )
    command.add_argument("--every", default="25s", metavar="TIME", help="how often, on average (default: 25s)")
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
    add_json(command, "the result")


def add_suite(commands: Commands[Parser], name: str) -> None:
    """Take a suite, how it is run, what it is compared with, and where the runs are kept."""
    command = add_command(
        commands,
        name,
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
    add_keep(command, "all runs and all results of suites but the newest N of each")
    add_json(command, "the result")


def add_report(commands: Commands[Parser], name: str) -> None:
    """Take the folder of a run."""
    command = add_command(
        commands,
        name,
        "make a run's report again from what the run recorded",
        "gameday report",
        "gameday report reports/latest",
    )
    command.add_argument(
        "run", nargs="?", default="reports/latest", metavar="RUN", help="the folder of a run (default: reports/latest)"
    )


def add_compare(commands: Commands[Parser], name: str) -> None:
    """Take two folders."""
    command = add_command(
        commands,
        name,
        "tell what two runs of one experiment differ by, or two folders of runs",
        "gameday compare reports/20261120-010000-kill-web reports/latest",
        "gameday compare before after        folders of --repeat 3 --out each",
    )
    command.add_argument("before", metavar="BEFORE", help="the folder of a run, or of runs of one experiment")
    command.add_argument("after", metavar="AFTER", help="another one")
    add_json(command, "the result")


def add_export(commands: Commands[Parser], name: str) -> None:
    """Take an experiment, and how it is to be run."""
    command = add_command(
        commands,
        name,
        "print an experiment as a file for Chaos Toolkit's own chaos run",
        "gameday export cache-stampede > cache-stampede.json",
        "gameday export slow-recommendations --variant naive > naive.json",
    )
    add_what(command)
