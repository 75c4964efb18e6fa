"""The one shape of an error on the screen: what failed, the value seen, what would be valid, where, the next command."""

from __future__ import annotations

from dataclasses import dataclass

from gameday.cli.exits import Exit
from gameday.cli.program import command
from gameday.experiment.loading.finding import UnknownExperimentError, UnknownSuiteError


@dataclass(eq=False)
class Trouble(Exception):  # noqa: N818 - it is what a person is told, and not every trouble is an error
    """
    A command ends, and says why.

    Attributes:
        what: What failed, in a short sentence without a full stop.
        seen: The value seen; empty when there is none, as for all that follow.
        valid: What would be valid.
        hint: The likely cure, such as ``did you mean "none"?``.
        where: ``FILE:LINE  KEY.PATH``.
        details: Further lines.
        next: The command to type next.
        code: The exit code.
    """

    what: str
    seen: str = ""
    valid: str = ""
    hint: str = ""
    where: str = ""
    details: tuple[str, ...] = ()
    next: str = ""
    code: Exit = Exit.USAGE

    def parts(self) -> tuple[tuple[str, str], ...]:
        """Return label and text of everything that is told below the first line, in order."""
        return (
            ("seen", self.seen),
            ("valid", self.valid),
            ("hint", self.hint),
            ("where", self.where),
            *(("", each) for each in self.details),
            ("next", self.next),
        )


def trouble_of(error: UnknownExperimentError | UnknownSuiteError) -> Trouble:
    """Return what a person reads who named an experiment or a suite that is not there."""
    return Trouble(error.reason, seen=error.seen, valid=error.valid, hint=error.hint, next=command("list"))
