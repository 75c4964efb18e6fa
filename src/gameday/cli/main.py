"""The way in: read the command line, call the command, translate whatever ends it into the screen's one shape and an exit code."""

from __future__ import annotations

import importlib
import os
import select
import sys
import tempfile
import traceback
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO, cast

from gameday.cli.exits import Exit, gravest
from gameday.cli.parser import parse, parser
from gameday.cli.program import command
from gameday.cli.screen import complain, show, show_invalid
from gameday.cli.streams import OutputError, Remarks, Results, silence
from gameday.cli.trouble import Trouble, trouble_of
from gameday.experiment.loading.finding import UnknownExperimentError
from gameday.experiment.loading.problems import InvalidFileError

_READERS = {"list", "doctor", "validate", "plan", "compare", "export", "manifests", "schema", "completion"}
"""Commands that only look: when nobody reads their output any more, nothing is lost."""
_ANYWHERE = {"doctor", "manifests", "schema", "completion"}
"""Commands that look at no files; to all others a working folder that was removed would seem to be an empty one."""


class Command(Protocol):
    """A module of this package that carries out the command of its name."""

    def run(self, args: Namespace) -> int:
        """Carry it out and return the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run gameday; ``argv`` without the program's name, the process's own by default. Returns the exit code."""
    # several threads of the numeric library wait for each other in loops, which costs more processor time than they save
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    before = sys.stdout, sys.stderr
    remarks = Remarks(_open(sys.stderr))
    sys.stdout, sys.stderr = cast("TextIO", Results(_open(sys.stdout))), cast("TextIO", remarks)
    try:
        return _told(arguments)
    finally:
        remarks.flush()
        if remarks.lost:
            silence(sys.stderr)
        sys.stdout, sys.stderr = before


def _told(arguments: Sequence[str]) -> int:
    """Call the command and see its output written; what was not is no success, however the command itself ended."""
    code = Exit.PASSED
    try:
        code = Exit(_call(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        complain("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        silence(sys.stdout)
        return code if arguments[:1] and arguments[0] in _READERS else gravest((code, Exit.INCONCLUSIVE))
    except OutputError as error:
        silence(sys.stdout)
        valid = "a file, a pipe or a terminal that takes it"
        show(Trouble(f"the output cannot be written: {error.strerror}", valid=valid, next=command(*arguments)))
        return gravest((code, Exit.INCONCLUSIVE))
    return code


def _unread() -> bool:
    """Return whether nobody reads stdout any more; it may have been another pipe that broke."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


def _open(stream: TextIO | None) -> TextIO:
    """Return the stream, or for one that was closed (``>&-``) one that takes everything and keeps nothing."""
    return Path(os.devnull).open("w", encoding="utf-8") if stream is None else stream


def _call(arguments: Sequence[str]) -> int:
    try:
        args = parse(arguments)
    except Trouble as trouble:
        show(trouble)
        return trouble.code
    except SystemExit as leave:
        return int(leave.code or 0)
    if args.command is None:
        parser().print_help()
        return Exit.USAGE
    try:
        if args.command not in _ANYWHERE:
            _see_folder(arguments)
        return cast("Command", importlib.import_module(f"gameday.cli.{args.command}")).run(args)
    except Trouble as trouble:
        _trace(debug=args.debug)
        show(trouble)
        return trouble.code
    except Exception as error:
        if isinstance(error, OutputError) or (isinstance(error, BrokenPipeError) and _unread()):
            raise
        return _other(error, args, arguments)


def _other(error: Exception, args: Namespace, arguments: Sequence[str]) -> int:
    """Show an error that is no ``Trouble``: mistakes in files, else a fault of gameday itself."""
    again = command(*arguments)
    if isinstance(error, InvalidFileError):
        _trace(debug=args.debug)
        show_invalid(error, again=again)
        return Exit.USAGE
    if isinstance(error, UnknownExperimentError):
        _trace(debug=args.debug)
        show(trouble_of(error))
        return Exit.USAGE
    if args.debug:
        _trace(debug=True)
        return Exit.INTERNAL
    what = f"internal error, {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    with suppress(OSError):  # no room for it: the next command shows it
        with tempfile.NamedTemporaryFile(
            "w", prefix="gameday-error-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"{again}\n\n{traceback.format_exc()}")
        what += f"; traceback in {file.name}"
    show(Trouble(what, next=f"{again} --debug"))
    return Exit.INTERNAL


def _see_folder(arguments: Sequence[str]) -> None:
    """Raise ``Trouble`` when the working folder is gone: a shell may stand in one that was removed."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise Trouble(
            "the folder in which gameday was called does not exist any more",
            seen=str(Path("/proc/self/cwd").readlink()),
            valid="a folder that exists",
            next=f"cd FOLDER && {command(*arguments)}",
        ) from None


def _trace(*, debug: bool) -> None:
    if debug:
        complain(traceback.format_exc().rstrip())
