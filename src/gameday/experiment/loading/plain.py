"""The plain values of a file, how bare words become them, and how they are shown in an error."""

from __future__ import annotations

import re
from typing import TypeAlias

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""What a file can hold; a forward reference, because it contains itself."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Characters that no text of a file may hold: control characters but tab and line feed, and lone surrogates."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}([eE][-+]?[0-9]{1,3})?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_WORDS = {word: word in {"yes", "true", "on"} for word in ("yes", "true", "on", "no", "false", "off")}


def bare(text: str) -> Plain:
    """
    Read an unquoted scalar: true and false with YAML 1.1's other words for them, null, decimal numbers; all else is text.

    Octal, sexagesimal and date-like words stay text, so that ``0755``, ``1:30`` and ``2026-01-31`` mean what they show.
    ``.inf`` and ``.nan`` become floats, for the caller to refuse.
    """
    if text in {"", "~"} or text.lower() == "null":
        return None
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return float(text) if _DECIMAL.fullmatch(text) else text


def describe(value: Plain) -> str:
    """Show a value in an error: text as it is, anything else with its kind, at most about sixty characters."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{str(value).lower()} (without quotes yes, no, on and off are true or false)"
        case int() | float():
            return f"{value} (a number)"
        case str():
            line = " ".join(value.split())
            return (line if len(line) <= 60 else f"{line[:57]}…") or "empty text"
        case list():
            return f"a list of {len(value)}"
        case dict():
            keys = ", ".join(key[:20] for key in list(value)[:4])
            return f"a mapping with {keys}{', …' if len(value) > 4 else ''}" if value else "an empty mapping"
