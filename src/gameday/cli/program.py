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


def target_words(target: str, system: str) -> tuple[str, ...]:
    """Return the words that name a target, and the system that is there; none for the local one, which is anybody's."""
    return () if target == "local" else ("--target", target, *(() if system == "shop" else ("--system", system)))


def without_variant(args: Namespace) -> tuple[str, ...]:
    """Return the words of ``run`` or ``plan`` as they were typed, without the variant and what is usual."""
    seed = () if args.seed == 1 else ("--seed", str(args.seed))
    target = () if args.target == "local" else ("--target", args.target)
    return (args.command, args.name, *target, *seed, *out_flag(vars(args).get("out", RUNS)))
