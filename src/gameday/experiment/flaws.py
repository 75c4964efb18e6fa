"""What is wrong at a key path of a file, and the words in which it is said."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Keys and list positions from a file's root: ``("method", 0, "latency", "delay")``; empty for the root itself."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """
    Something wrong at a key path of one file, not yet tied to the file's lines.

    Attributes:
        path: Where.
        message: What failed, in a few words.
        seen: The value as it was written, shortened.
        valid: What would be valid.
        hint: The likely cure (``did you mean "login"?``); empty when there is none.
        of_key: The key itself is meant, not its value.
    """

    path: KeyPath
    message: str
    seen: str
    valid: str
    hint: str = ""
    of_key: bool = False


def written(path: KeyPath) -> str:
    """Write a key path as people do: ``method[0].latency.delay``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(seen: str, valid: Sequence[str]) -> str:
    """Suggest the nearest valid word; empty when none is near."""
    near = nearest(seen, valid)
    return f'did you mean "{near}"?' if near else ""


def nearest(seen: str, valid: Sequence[str]) -> str | None:
    """Find the valid word most like the one seen; None when none is near (difflib's ratio below 0.6)."""
    return next(iter(difflib.get_close_matches(seen[:100], valid, n=1)), None)


def one_of(valid: Iterable[str], *, nothing: str = "none is declared") -> str:
    """List the valid words."""
    return ", ".join(valid) or nothing
