"""``gameday suite``: run a list of experiments one after the other, and compare with the time before."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from gameday.analysis.suite import Comparison, SuiteRun, compare
from gameday.cli.catalogue import suite as load_suite
from gameday.cli.exits import Exit, gravest
from gameday.cli.flags import DEFAULT_VARIANT
from gameday.cli.locustfile import try_locustfile
from gameday.cli.once import prune_old, prune_old_suites, see_able
from gameday.cli.place import see_writable
from gameday.cli.program import command, context_flag, out_flag
from gameday.cli.rows import INTERRUPTED, Done, carry_out, not_run, settings, try_plan
from gameday.cli.screen import complain, say, table
from gameday.cli.trouble import Trouble
from gameday.experiment.loading.suite import LoadedSuite
from gameday.experiment.plan import Plan
from gameday.report.junit import junit_of_suite
from gameday.report.suite import html, lines, markdown, summary, to_json, turned
from gameday.runner.signals import Interruptions
from gameday.runner.suite import FILE, create, earlier, keep


def run(args: Namespace) -> int:
    """Run every experiment of a suite; a line each and where the summary is go to stdout, progress to stderr."""
    loaded = load_suite(args.suite)
    again = (*_without_variant(args), *_against(args), *out_flag(args.out))
    plans = [try_plan(entry, settings(entry, args), again=again) for entry in loaded.entries]
    if isinstance(plans[0], Trouble) and all(isinstance(each, Trouble) for each in plans):
        raise plans[0]
    see_able(next(each for each in plans if not isinstance(each, Trouble)))
    for entry in loaded.entries:
        try_locustfile(entry.loaded)
    before = _before(loaded, args)
    see_writable(args.out, again=(*_words(args), *_against(args)))
    folder = create(args.out, loaded.name)
    started = dt.datetime.now(dt.UTC)
    with Interruptions().watch() as interruptions:
        done = _all(loaded, plans, args, folder, interruptions)
        made = _made(loaded, done, args, started=started, interrupted=interruptions.count > 0)
        comparison = compare(before, made) if before else None
        keep(folder, _files(made, comparison))
    _tell(made, comparison, folder, as_json=args.json)
    if args.keep is not None:
        prune_old(args.out, keep=args.keep, spare=[folder / row.run for row in made.rows if row.run])
        prune_old_suites(args.out, keep=args.keep, spare=[folder])
    return made.code


def _all(
    loaded: LoadedSuite, plans: list[Plan | Trouble], args: Namespace, folder: Path, interruptions: Interruptions
) -> list[Done]:
    """Run one after the other; where nothing more may be run, tell the rest as not run."""
    done: list[Done] = []
    stop = ""
    for index, (entry, planned) in enumerate(zip(loaded.entries, plans, strict=True)):
        own = settings(entry, args)
        stop = stop or (INTERRUPTED if interruptions.count else "")
        if stop:
            done.append(Done(not_run(entry, own, stop)))
            continue
        complain(f"[{index + 1}/{len(plans)}] {entry.loaded.name}, {own.variant}, seed {own.seed}")
        trace = folder / f"error-{index + 1}.txt"
        done.append(carry_out(entry, planned, own, trace=trace, interruptions=interruptions))
        stop = done[-1].stop
    return done


def _made(
    loaded: LoadedSuite, done: list[Done], args: Namespace, *, started: dt.datetime, interrupted: bool
) -> SuiteRun:
    """Put together what came out; the exit code is the gravest of all."""
    code = gravest((*(Exit(each.row.code) for each in done), *([Exit.INTERRUPTED] if interrupted else [])))
    versions: Mapping[str, str] = next((each.versions for each in done if each.versions), {})
    return SuiteRun(
        name=loaded.name,
        title=loaded.suite.title,
        target=args.target,
        started=started.isoformat(timespec="seconds"),
        duration_s=round((dt.datetime.now(dt.UTC) - started).total_seconds(), 1),
        command=shlex.join(("gameday", *_words(args), *out_flag(args.out))),
        versions=versions,
        code=code,
        interrupted=interrupted or any(each.stop == INTERRUPTED for each in done),
        rows=tuple(each.row for each in done),
    )


def _before(loaded: LoadedSuite, args: Namespace) -> tuple[SuiteRun, ...]:
    """Find the times before, the newest first: where runs are kept, which may not be there yet, or in the folder that is named."""
    place = args.out if args.against is None else args.against
    again = command(*_words(args), *out_flag(args.out))
    if args.against is not None and not place.is_dir():
        raise Trouble(
            "there is no folder to compare with",
            seen=str(place),
            valid="a folder of runs, or one suite's folder in its suites/",
            next=again,
        )
    try:
        found = earlier(place, name=loaded.name, target=args.target)
    except (OSError, ValueError) as error:
        raise Trouble(
            f"the earlier result cannot be read: {error}",
            where=str(place / FILE),
            valid="a folder of runs, or one suite's folder in its suites/",
            next=again,
        ) from error
    if not found and args.against is not None:
        complain(f"{place} holds no result of {loaded.name} on {args.target}: nothing is compared")
    return found


def _files(made: SuiteRun, comparison: Comparison | None) -> dict[str, str]:
    return {
        FILE: to_json(made, comparison),
        "summary.html": html(made, comparison),
        "summary.md": markdown(made, comparison),
        "junit.xml": junit_of_suite(made),
    }


def _tell(made: SuiteRun, comparison: Comparison | None, folder: Path, *, as_json: bool) -> None:
    """Print a line per experiment, what has changed, and where the summary is; or the same as JSON."""
    if as_json:
        sys.stdout.write(to_json(made, comparison))
        sys.stdout.flush()
        return
    rows = (
        (
            line.row.experiment,
            line.row.variant or "-",
            line.word,
            line.row.decided_by or "-",
            line.since,
            str(folder.parent.parent / Path(line.row.run).name) if line.row.run else "-",
        )
        for line in lines(made, comparison)
    )
    table([("EXPERIMENT", "VARIANT", "VERDICT", "DECIDED BY", "SINCE THEN", "RUN"), *rows])
    say()
    say(f"{made.verdict.upper()}  {made.name}: {summary(made)}")
    say(f"  {turned(comparison)}")
    say(f"  report  {folder / 'summary.html'}")
    sys.stdout.flush()


def _words(args: Namespace) -> tuple[str, ...]:
    """Return the words that run the suite again, without the folders."""
    variant = () if args.variant == DEFAULT_VARIANT else ("--variant", args.variant)
    return (*_without_variant(args), *variant)


def _without_variant(args: Namespace) -> tuple[str, ...]:
    seed = () if args.seed == 1 else ("--seed", str(args.seed))
    return ("suite", args.suite, "--target", args.target, *context_flag(args.allow_context), *seed)


def _against(args: Namespace) -> tuple[str, ...]:
    return ("--against", str(args.against)) if args.against is not None else ()
