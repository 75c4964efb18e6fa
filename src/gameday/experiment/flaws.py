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


def misspelt(seen: str, valid: Iterable[str]) -> str | None:
    """Return the valid word that is only a slip of the keyboard away: one slip in five letters, case and underscores apart; else None."""
    word = seen.casefold().replace("_", "-")[:100]
    near = sorted((_slips(word, each.casefold().replace("_", "-")), each) for each in valid)
    return near[0][1] if near and near[0][0] <= max(1, min(3, len(near[0][1]) // 5)) and len(word) > 2 else None


def _slips(one: str, other: str) -> int:
    """Count the letters to add, to remove, to replace or to swap with the next that make one word the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted)))
            if i > 1 < j and (letter, one[i - 2]) == (other[j - 2], wanted):
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]


def one_of(valid: Iterable[str], *, nothing: str = "none is declared") -> str:
    """List the valid words."""
    return ", ".join(valid) or nothing
