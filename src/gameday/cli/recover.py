"""``gameday recover``: undo whatever earlier runs left behind."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from gameday.cli.catalogue import see_declared
from gameday.cli.catalogue import system as load_system
from gameday.cli.cluster import allowed, refused, see_allowed
from gameday.cli.exits import Exit
from gameday.cli.program import command, out_flag, target_words
from gameday.cli.screen import complain, say
from gameday.cli.trouble import Trouble
from gameday.runner.foreign.recover import Replayed, recover_foreign
from gameday.runner.recover import Recovered, recover
from gameday.runner.standing import clear_fallen
from gameday.targets.claim import ClaimError
from gameday.targets.connect import recovered
from gameday.targets.protocol import TargetError
from gameday.targets.repair import Repaired


def run(args: Namespace) -> int:
    """Repair the target first, where runs leave anything there, then every run under the folder of runs."""
    out = Path(args.out)
    trusted = _trusted(args)
    repaired = _target(args)
    found: tuple[Recovered | Replayed, ...] = (
        *recover(out, trusted=trusted, show=say),
        *recover_foreign(out, trusted=trusted, show=say),
    )
    fallen = clear_fallen(out)
    for each in found:
        for text in _told(each):
            say(f"{each.folder}: {text}")
    for folder in fallen:
        say(f"{folder}: the system that was up has died; what it left is removed")
    _see_all_done(found, args)
    if repaired.left or any(each.left if isinstance(each, Recovered) else each.played is False for each in found):
        target = target_words(args.target, args.system, args.allow_context)
        again, down = (command(word, *words, *out_flag(out)) for word, words in (("recover", target), ("down", ())))
        by_hand = "; what rollbacks should have done, by hand, and then remove the run's folder"
        raise Trouble(
            "not everything could be ended or undone",
            details=repaired.left,
            next=f"{again}, as who started the run; {down}, if a system is up"
            + by_hand * any(isinstance(each, Replayed) for each in found),
            code=Exit.RESIDUE,
        )
    if not found and not fallen:
        say(f"{args.out}: nothing is outstanding" if out.is_dir() else f"{args.out}: no such folder, so no run in it")
    return Exit.PASSED


def _trusted(args: Namespace) -> tuple[Path, ...]:
    """
    Return the runs whose records somebody has looked at.

    Raises ``Trouble`` for one that is not in the folder of runs.
    """
    for folder in args.play_rollbacks:
        if folder.resolve().parent != args.out.resolve() or not folder.is_dir():
            raise Trouble(
                "--play-rollbacks names no run that is looked at",
                seen=str(folder),
                valid=f"a run's folder in {args.out}",
                next=command("recover", *out_flag(args.out)),
            )
    return tuple(folder.resolve() for folder in args.play_rollbacks)


def _see_all_done(found: tuple[Recovered | Replayed, ...], args: Namespace) -> None:
    """
    Raise ``Trouble`` for runs at which recovery had to stop.

    They cannot be read, are not signed, or have lost records.
    """
    again = ("recover", *target_words(args.target, args.system, args.allow_context), *out_flag(args.out))
    if any(each.unreadable for each in found):
        raise Trouble("some runs cannot be read", next="look at them and move them away", code=Exit.RESIDUE)
    if unsigned := [each.folder for each in found if each.unsigned]:
        raise Trouble(
            "some rollbacks were not played: no gameday of this user has signed them here",
            seen=f"{', '.join(map(str, unsigned))}, with the commands above",
            valid="a run that was made here, by this user, with this version",
            next=f"{command(*again, '--play-rollbacks', str(unsigned[0]))}, if those commands are yours; else remove the folder",
            code=Exit.RESIDUE,
        )
    if strange := [name for each in found if isinstance(each, Recovered) for name in each.strange]:
        raise Trouble(
            "some processes were left alone: they do not carry the mark of the run that names them",
            seen=", ".join(strange),
            next=f"look at them, and end them yourself if they are the run's; then {command(*again)}",
            code=Exit.RESIDUE,
        )
    if broken := [each.folder for each in found if each.lost]:
        raise Trouble(
            "records are lost, so nobody knows whether everything was undone",
            seen=", ".join(map(str, broken)),
            next="look at the system, and then remove those folders",
            code=Exit.RESIDUE,
        )


def _target(args: Namespace) -> Repaired:
    """Undo, from the target alone, what runs have left there, and say what that was."""
    if args.target == "local":  # everything there ends with the run's processes: the folders tell
        return Repaired((), ())
    declared = load_system(args)
    see_declared(declared, args.target)
    system, place = allowed(declared, args), target_words(args.target, args.system, args.allow_context)
    see_allowed(args.target, system)
    try:
        repaired = recovered(args.target, system, complain)
    except ClaimError as error:
        raise refused(error, next=command("recover", *place, *out_flag(args.out))) from error
    except TargetError as error:
        raise Trouble(str(error), next=command("doctor", *place), code=Exit.RESIDUE) from error
    for text in repaired.undone:
        say(f"{args.target}: {text}")
    if not repaired.undone and not repaired.left:
        say(f"{args.target}: nothing is outstanding")
    return repaired


def _told(done: Recovered | Replayed) -> Iterator[str]:
    yield from (f"records are lost: {sentence}" for sentence in done.lost)
    yield from (f"not signed, so not done: {text}" for text in done.unsigned)
    if done.unreadable:
        yield f"cannot be read, so nothing was repaired: {done.unreadable}"
    elif isinstance(done, Replayed):
        if done.ended:
            yield "ended: what its activities had started and left running"
        if done.played is not None:
            yield f"rollbacks: {'played' if done.played else 'still to be played, by hand'}"
        for what in done.why:
            yield f"rollback {what}"
    else:
        told = {"undone": done.undone, "ended": done.ended, "still there": done.left, "left alone": done.strange}
        for what, names in told.items():
            if names:
                yield f"{what}: {', '.join(names)}"
