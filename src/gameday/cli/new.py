"""``gameday new``: write a first experiment file; asks nothing, overwrites nothing."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from gameday.cli.catalogue import load
from gameday.cli.catalogue import system as load_system
from gameday.cli.exits import Exit
from gameday.cli.flags import TARGETS
from gameday.cli.program import command
from gameday.cli.screen import say
from gameday.cli.trouble import Trouble
from gameday.experiment.declared import NAME_PATTERN
from gameday.experiment.draft import Call, draft, example, routes_of
from gameday.experiment.flaws import did_you_mean, one_of
from gameday.experiment.loading.finding import SUFFIX, experiment_folders, find_experiments
from gameday.experiment.model import System
from gameday.faults import catalogue

FOLDER = Path("experiments")


def run(args: Namespace) -> int:
    """Draft it, write it, check it."""
    name = args.called
    if not re.fullmatch(NAME_PATTERN, name):
        valid = "small letters, digits and hyphens, beginning with a letter, such as slow-payments"
        raise Trouble("this is no name for an experiment", seen=name, valid=valid, next=command("new", "--help"))
    _see_free(name)
    system = load_system(args)
    call, route = _choose(system, args.fault, args.route)
    path = FOLDER / f"{name}{SUFFIX}"
    _write(path, draft(name, system, call, route))
    try:
        load(name)
    except BaseException:
        path.unlink()
        raise
    say(f"wrote {path}: {call.fault} on {system.name}, about {route}")
    where = () if TARGETS[0] in call.targets else ("--target", call.targets[0])
    say(f"next: change it to your question, then {command('plan', name, *where)}, and {command('run', name, *where)}")
    return Exit.PASSED


def _see_free(name: str) -> None:
    """Refuse the name of an experiment that ships: a file of one's own would hide it from every command."""
    found = find_experiments(experiment_folders(Path())).get(name)
    if found and found.path.parent != FOLDER:
        what = f"an experiment {name} ships with gameday; a file of that name would hide it"
        raise Trouble(what, seen=name, where=str(found.path), next=command("new", "OTHER-NAME"))


def _choose(system: System, fault: str, wanted: str | None) -> tuple[Call, str]:
    """Find a place for the fault that matters to the route; of all routes to the first for which there is one."""
    known, asked = catalogue(), routes_of(system)
    if fault not in known:
        raise _unknown(f"there is no fault {fault}", fault, list(known))
    if wanted is not None and wanted not in asked:
        raise _unknown(f"{system.name} has no route {wanted} that an experiment can be about", wanted, asked)
    routes = asked if wanted is None else (wanted,)
    for route in routes:
        if call := example(known[fault], system, route):
            return call, route
    placed = [name for name, kind in known.items() if any(example(kind, system, route) for route in routes)]
    raise _unknown(f"{system.name} has nothing to which {fault} could be done", fault, placed)


def _unknown(what: str, seen: str, valid: Sequence[str]) -> Trouble:
    return Trouble(what, seen=seen, valid=one_of(valid), hint=did_you_mean(seen, valid), next=command("new", "--help"))


def _write(path: Path, text: str) -> None:
    try:
        if not path.parent.is_dir():
            path.parent.mkdir()
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        if error.filename == str(path.parent):
            what = f"{path} cannot be written: {path.parent} is no folder"
            raise Trouble(
                what, where=str(path.parent.absolute()), next="move it away, or work in another folder"
            ) from error
        raise Trouble(
            f"{path} is there already; nothing is overwritten",
            next=f"{command('new', 'OTHER-NAME')}, or remove the file",
        ) from None
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror}"
        raise Trouble(what, where=str(path.absolute()), next="work in a folder of yours") from error
