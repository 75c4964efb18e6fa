"""Look at a person's own locustfile without running it: it is there, it is text, and Python can compile it."""

from __future__ import annotations

import warnings
from pathlib import Path

from gameday.experiment.flaws import Flaw
from gameday.experiment.loading.document import Document
from gameday.experiment.loading.plain import describe
from gameday.experiment.loading.problems import Problem

_KEY = ("load", "locustfile")


def locustfile_path(document: Document, locustfile: str) -> Path:
    """Return where a locustfile lies: its path is relative to the experiment's file."""
    return (document.path.parent / locustfile).resolve()


def check_locustfile(document: Document, locustfile: str) -> tuple[Problem, ...]:
    """Return what is wrong, with the locustfile's own line where it is a mistake of its syntax; empty if all is well."""
    path = locustfile_path(document, locustfile)
    if path.suffix != ".py":
        return (document.problem(Flaw(_KEY, "the locustfile is not Python", describe(locustfile), "a file NAME.py")),)
    try:
        source = path.read_bytes()
    except OSError as error:
        reason = f"{locustfile}: {error.strerror or type(error).__name__}"
        valid = f"a file, relative to {document.path.parent}"
        return (document.problem(Flaw(_KEY, "the locustfile cannot be read", reason, valid)),)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a person's file is warned of is Locust's to show
            compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.lineno or 1
        seen = describe((error.text or "").strip())
        return (Problem(path, line, "", f"{type(error).__name__}: {error.msg}", seen, "Python"),)
    except ValueError as error:  # a null byte
        return (Problem(path, 1, "", f"this is not Python: {error}", describe(path.name), "Python"),)
    return ()
