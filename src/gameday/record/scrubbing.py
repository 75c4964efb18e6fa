"""Keep secrets out of whatever is written: every text that holds one, in any usual encoding, has ``***`` in its place."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from html.entities import codepoint2name

from pydantic import JsonValue

HIDDEN = "***"
_LEAST_CODED = 6
"""Characters of base64 that are looked for at least: fewer stand in ordinary words by chance."""
_LEAST_LINE = 20
"""Characters of a line of a secret that is hidden by itself as well: of a key in PEM, a log shows single lines."""
_LETTERS = {
    **dict(zip("\n\t\r\b\f\v\a\0\x1b", "ntrbfva0e", strict=True)),
    **dict(zip("\xa0\x85\u2028\u2029", "_NLP", strict=True)),
}
"""What JSON, Python, YAML and the shell write behind a backslash in place of a control character."""
_WRAPPED = r"(?:[\r\n]|\\\\*[rn])*"
"""Base64 may be broken into lines, also within a text that is escaped."""


class Scrubber:
    """
    Replaces secrets in texts and in the texts of nested values, keys included.

    A secret is found as it is, escaped as in JSON, Python, YAML, HTML, a URL or the shell (also several times over), and in base64,
    alone or within something longer. Numbers stay as they are: a number that happens to be a secret's digits is no secret, and a
    scrubbed one would be no JSON.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Start with the secrets known so far."""
        self._patterns: dict[str, tuple[re.Pattern[str], ...]] = {}
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these as well from now on; blank ones are passed over."""
        known = dict(self._patterns)
        for secret in secrets:
            lines = (line for line in secret.splitlines() if len(line) >= _LEAST_LINE)
            for text in (secret, *lines):
                if text.strip() and text not in known:
                    known[text] = tuple(map(re.compile, _forms(text)))
        self._patterns = known

    def text(self, text: str) -> str:
        """Return a text without secrets; where two of them overlap, nothing of either is left."""
        spans = sorted(span for patterns in self._patterns.values() for each in patterns for span in _spans(each, text))
        parts, end = [], 0
        for first, last in spans:
            if first >= end and last > first:
                parts += [text[end:first], HIDDEN]
            end = max(end, last)
        return "".join((*parts, text[end:]))

    def value(self, value: JsonValue) -> JsonValue:
        """Return a copy of a nested value without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(each) for key, each in value.items()}
        return [self.value(each) for each in value] if isinstance(value, list) else value


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Yield where a pattern matches, overlapping matches included."""
    match = pattern.search(text)
    while match:
        yield match.span()
        match = pattern.search(text, match.start() + 1)


def _forms(secret: str) -> Iterator[str]:
    """Yield a regular expression for each way to write a secret, the longest match first."""
    yield "".join(f"(?:{'|'.join(dict.fromkeys(_characters(each)))})" for each in secret)
    raw = secret.encode(errors="surrogatepass")
    for before in range(3):  # which of three places it has in a group of three bytes decides how it looks
        code = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        mixed_first, mixed_last = (0, 2, 3)[before], (before + len(raw)) % 3 != 0
        core = code[mixed_first : len(code) - mixed_last]
        if len(core) >= _LEAST_CODED:
            around = r"[A-Za-z0-9+/_-]"
            begin = f"{around}?" if before else ""
            yield begin + _WRAPPED.join(map(_coded, core)) + (f"{around}?=*" if mixed_last else "=*")


def _characters(character: str) -> Iterator[str]:
    """Yield a regular expression for each way to write a character."""
    code = ord(character)
    raw = character.encode(errors="surrogatepass")
    hexadecimal = f"(?i:{code:02x})"
    for letter in (character if character in "\"'/$`!&" else "", _LETTERS.get(character, "")):
        if letter:
            yield rf"\\\\*{re.escape(letter)}"  # before the bare one, so that the backslash goes too
    if character == "'":
        yield r"'\\\\*''|'\"'\"'|''"  # as the quotes of the shell and of YAML need it
    if character == "\n":
        yield r"\n+ *"  # as YAML folds it
    yield r"\\\\*" if character == "\\" else re.escape(character)
    yield rf"\\\\*u\{{?0*{hexadecimal}\}}?|\\\\*U0*{hexadecimal}"
    if code > 0xFFFF:
        high, low = 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code - 0x10000 & 0x3FF)
        yield rf"\\\\*u(?i:{high:04x})\\\\*u(?i:{low:04x})"
    if code <= 0xFF:
        yield rf"\\\\*x{hexadecimal}"
    yield "".join(rf"\\\\*x(?i:{byte:02x})" for byte in raw)
    yield "".join(rf"\\\\*{byte:03o}" for byte in raw)
    yield "".join(f"%(?:25)*(?i:{byte:02x})" for byte in raw)
    if character == " ":
        yield r"\+"
    named = codepoint2name.get(code, "apos" if character == "'" else "")
    yield rf"&(?:amp;)*#0*{code};|&(?:amp;)*#[xX]0*{hexadecimal};" + (f"|&(?:amp;)*{named};" if named else "")


def _coded(character: str) -> str:
    """Return a regular expression for a character of base64, in either alphabet and as it stands in a URL or in JSON."""
    if character == "+":
        return r"(?:[+-]|%(?:25)*2[Bb])"
    return r"(?:\\*/|_|%(?:25)*2[Ff])" if character == "/" else character
