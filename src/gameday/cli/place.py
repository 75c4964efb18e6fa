"""Where runs are kept: see that it can be written, and tell who holds it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gameday.cli.exits import Exit
from gameday.cli.program import command, out_flag
from gameday.cli.trouble import Trouble
from gameday.runner.lock import RefusedError
from gameday.runner.standing import UnlikeError


def see_writable(out: Path, *, again: tuple[str, ...]) -> None:
    """
    Make the folder of runs if need be, and try to write there.

    Args:
        out: The folder.
        again: The words of the command without the folder, for the next step.

    Raises:
        Trouble: It cannot be made or written.
        FileNotFoundError: The working folder itself is gone.
    """
    Path.cwd()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise Trouble(
            f"runs cannot be kept in {out}: {error.strerror}",
            seen=str(out),
            valid="a folder that can be written",
            next=command(*again, "--out", "FOLDER"),
        ) from error


def refusal(refused: RefusedError, *, system: str, out: Path, again: str) -> Trouble:
    """Tell a refusal, with what ends a system that is in the way as the next step, else with the command ``again``."""
    end = command("down", system, *out_flag(out))
    return Trouble(str(refused), next=end if isinstance(refused, UnlikeError) else again, code=Exit.REFUSED)
