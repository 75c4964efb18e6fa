"""Write texts of others so that they control no terminal. Standard library only."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]")
"""
What moves a terminal's cursor, colours, renames or answers, and what turns the direction of writing.

Tabs and line ends do not.
"""


def visible(text: str) -> str:
    """
    Return a text for the terminal.

    Characters that would control it are written as escapes, as in a Python string.
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
