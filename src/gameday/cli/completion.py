"""
``gameday completion``: scripts that complete the command line in a shell.

The scripts know nothing: they hand the words typed so far to ``gameday completion words``, which prints what may come next, one per
line. So they complete what this version knows and the experiments of the folder in which they are used.
"""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.flags import ACCOUNTS, KINDS, SHELLS, TARGETS, Parser
from gameday.cli.parser import COMMANDS, parser
from gameday.cli.program import command
from gameday.cli.screen import say
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.document import read_document
from gameday.experiment.loading.finding import (
    experiment_folders,
    find_experiments,
    find_suites,
    find_systems,
    suite_folders,
    system_folders,
)
from gameday.experiment.loading.plain import Plain
from gameday.experiment.loading.problems import InvalidFileError

BASH = """\
_gameday() {
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _gameday gameday ./gameday
"""

ZSH = """\
#compdef gameday
_gameday() {
    local -a found
    found=("${(@f)$("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    if (( ${#found} )); then
        compadd -a found
    else
        _files
    fi
}
if [ "${funcstack[1]}" = "_gameday" ]; then
    _gameday "$@"
else
    compdef _gameday gameday
fi
"""

FISH = """\
function __gameday_words
    set -l words (commandline -opc) (commandline -ct)
    $words[1] completion words -- $words[2..-1] 2>/dev/null
end
complete -c gameday -a '(__gameday_words)'
"""

_SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
_PLAIN = re.compile(r"[\w./:@%+,=-]+")
"""What a shell takes as it stands. Names are those of files that anybody may have made: no tab may bring ``$(...)`` into a command."""
_Complete = Callable[[Sequence[str]], Iterable[str]]


def run(args: Namespace) -> int:
    """Print a shell's script, or what may come next."""
    if args.shell in _SCRIPTS and args.words:
        raise Trouble(
            f"{command('completion', args.shell)} takes nothing more",
            seen=" ".join(args.words),
            next=command("completion", args.shell),
        )
    if args.shell in _SCRIPTS:
        say(_SCRIPTS[args.shell].rstrip("\n"))
        return Exit.PASSED
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    for candidate in candidates(words):
        say(candidate)
    return Exit.PASSED


def candidates(words: Sequence[str]) -> tuple[str, ...]:
    """
    Return what may stand in place of the last word, which may be empty, after those before it.

    Empty where a file or anything else is expected: the shell then completes file names.
    """
    *before, current = words or ("",)
    before, current = [word for word in before if word != "="], current.removeprefix("=")  # bash splits --variant=naive
    flag, equals, value = current.partition("=")
    if equals and flag.startswith("--"):
        return tuple(f"{flag}={word}" for word in candidates((*before, flag, value)))
    asked = next((word for word in before if word in COMMANDS), None)
    root = parser()
    if asked is None:
        found: Iterable[str] = root.flags if current.startswith("-") else COMMANDS
    else:
        found = _after(_commands(root)[asked], before[before.index(asked) + 1 :], current)
    return tuple(word for word in found if word.startswith(current) and _PLAIN.fullmatch(word))


def _after(command: Parser, before: Sequence[str], current: str) -> Iterable[str]:
    """Complete behind a command: a flag, a flag's value, or what the command is about."""
    takes = {flag: action for action in command._actions for flag in action.option_strings if action.nargs != 0}  # noqa: SLF001 - argparse has no public list of its options
    if before and before[-1] in takes:
        return _value(takes[before[-1]].dest, before)
    if current.startswith("-"):
        return [flag for flag in command.flags if flag not in before]
    places = [action for action in command._actions if not action.option_strings and action.help != argparse.SUPPRESS]  # noqa: SLF001 - same
    given = [word for index, word in enumerate(before) if not word.startswith("-") and before[index - 1] not in takes]
    many = [action for action in places if action.nargs == "*"]
    place = places[len(given)] if len(given) < len(places) else many[-1] if many else None
    return _value(place.dest, before) if place else ()


def _value(dest: str, before: Sequence[str]) -> Iterable[str]:
    complete = _VALUES.get(dest)
    return complete(before) if complete else ()


def _commands(root: Parser) -> Mapping[str, Parser]:
    return next(action.choices for action in root._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - same


def _experiments(before: Sequence[str]) -> list[str]:
    return [name for name in find_experiments(experiment_folders(Path())) if name not in before]


def _suites(before: Sequence[str]) -> list[str]:
    return [name for name in find_suites(suite_folders(Path())) if name not in before]


def _systems(_: Sequence[str]) -> list[str]:
    return list(find_systems(system_folders(Path())))


def _variants(before: Sequence[str]) -> list[str]:
    """Return the variants of the systems that were named, or of the experiments'; of all systems when there are none."""
    systems = find_systems(system_folders(Path()))
    experiments = find_experiments(experiment_folders(Path()))
    named = [_read(found.path).get("system") for name, found in experiments.items() if name in before]
    named += [name for name in systems if name in before]
    chosen = [path for name, path in systems.items() if name in named] or list(systems.values())
    return list(dict.fromkeys(name for path in chosen for name in _keys(_read(path).get("variants"))))


def _faults(_: Sequence[str]) -> list[str]:
    from gameday.faults import catalogue  # noqa: PLC0415 - slow to import, and seldom asked for

    return list(catalogue())


def _uses(_: Sequence[str]) -> list[str]:
    from gameday.targets.kubernetes.rights import USES  # noqa: PLC0415 - same

    return list(USES)


def _routes(before: Sequence[str]) -> list[str]:
    systems = find_systems(system_folders(Path()))
    named = [path for name, path in systems.items() if name in before] or list(systems.values())
    return list(dict.fromkeys(name for path in named for name in _keys(_read(path).get("routes"))))


def _runs(_: Sequence[str]) -> list[str]:
    return sorted(f"reports/{path.parent.name}" for path in Path("reports").glob("*/run.json"))


_VALUES: Mapping[str, _Complete] = {
    "name": _experiments,
    "names": lambda before: (*_experiments(before), *_suites(before)),
    "suite": _suites,
    "system": _systems,
    "variant": _variants,
    "fault": _faults,
    "route": _routes,
    "run": _runs,
    "before": _runs,
    "after": _runs,
    "target": lambda _: TARGETS,
    "kind": lambda _: KINDS,
    "accounts": lambda _: ACCOUNTS,
    "uses": _uses,
    "shell": lambda _: SHELLS,
}
"""The name of an argument -> what may stand there."""


def _read(path: Path) -> Mapping[str, Plain]:
    try:
        return read_document(path).value
    except (OSError, InvalidFileError):
        return {}


def _keys(value: Plain) -> list[str]:
    return list(value) if isinstance(value, dict) else []
