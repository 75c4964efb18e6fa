"""What a person types to call this program: every hint begins with it."""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from pathlib import Path

RUNS = Path("reports")
"""Where runs are kept when nothing else is said."""
_VARIABLE = "GAMEDAY_PROGRAM"
"""How the script that calls the installed program was called itself: that one may not be on PATH."""


def program() -> str:
    """Return the program's name as the shell reads it."""
    return shlex.quote(os.environ.get(_VARIABLE) or "gameday")


def command(*words: str) -> str:
    """Write a command that can be pasted into a shell."""
    return f"{program()} {shlex.join(words)}"


def out_flag(out: Path) -> tuple[str, ...]:
    """Return the words that name the folder of runs; none for the usual one."""
    return () if out == RUNS else ("--out", str(out))


def context_flag(context: str | None) -> tuple[str, ...]:
    """Return the words that allow a context by its name; none where nobody has."""
    return ("--allow-context", context) if context else ()


def place_words(target: str, context: str | None) -> tuple[str, ...]:
    """Return the words that name a target and the context that is allowed there; none for the local one, which is anybody's."""
    return () if target == "local" else ("--target", target, *context_flag(context))


def target_words(target: str, system: str, context: str | None) -> tuple[str, ...]:
    """Return the words that name a target, the context that is allowed there, and the system; none for the local one."""
    named = () if target == "local" or system == "shop" else ("--system", system)
    return (*place_words(target, context), *named)


def without_variant(args: Namespace) -> tuple[str, ...]:
    """Return the words of ``run``, ``plan`` or ``export`` as they were typed, without the variant and what is usual."""
    seed = () if args.seed == 1 else ("--seed", str(args.seed))
    place = place_words(args.target, args.allow_context)
    return (args.command, args.name, *place, *seed, *out_flag(vars(args).get("out", RUNS)))
