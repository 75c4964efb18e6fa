"""What holds a secret has ``***`` in its place, and stays what it was otherwise."""

from __future__ import annotations

import base64
import html
import json
import shlex
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gameday.record.history import Event, History
from gameday.record.scrubbing import Scrubber

WORDS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1).filter(str.strip)
SECRETS = st.text(
    st.one_of(st.sampled_from("\"'\\/+ \n\t&%<>$ä€🔥"), st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    min_size=8,
    max_size=24,
).filter(lambda secret: "*" not in secret and len(secret.strip()) > 4)

Encoding = Callable[[str], str]
ENCODINGS: dict[str, Encoding] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in Unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON with upper case": lambda text: "".join(
        f"\\u{each:04X}" if each > 0x7E else chr(each) for each in _utf16(text)
    ),
    "JSON with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "repr": repr,
    "ascii": ascii,
    "repr of bytes": lambda text: repr(text.encode()),
    "YAML": lambda text: yaml.safe_dump(text, width=10_000),
    "HTML": html.escape,
    "HTML in ASCII": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "a URL's path": urllib.parse.quote,
    "a URL's path, all of it": lambda text: urllib.parse.quote(text, safe=""),
    "a form": urllib.parse.quote_plus,
    "the shell": shlex.quote,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a pair": lambda text: base64.b64encode(f"me:{text}:you".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"u:{text}".encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(f"{'long ' * 12}{text}".encode()).decode(),
}
TWICE: dict[str, Encoding] = {
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "a URL in a URL": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "base64 in JSON": lambda text: json.dumps({"data": base64.b64encode(text.encode()).decode()}),
    "base64 in a URL": lambda text: urllib.parse.quote(base64.b64encode(text.encode()).decode(), safe=""),
    "JSON in repr": lambda text: repr(json.dumps(text)),
}


def _utf16(text: str) -> list[int]:
    raw = text.replace("\\", "\\\\").replace('"', '\\"').encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]


@given(before=st.text(), secret=WORDS, after=st.text())
def test_no_secret_remains(before: str, secret: str, after: str) -> None:
    """Wherever it stands in a text or a nested value."""
    value = Scrubber([secret]).value([before + secret + after, {"b": secret}])
    assert isinstance(value, list)
    assert secret not in str(value[0])
    assert value[1] == {"***" if secret == "b" else "b": "***"}  # noqa: S105 - a letter


@pytest.mark.parametrize("name", [*ENCODINGS, *TWICE])
@given(secret=SECRETS)
def test_a_secret_is_hidden_in_every_encoding(name: str, secret: str) -> None:
    """What a program prints is seldom the bare text: nothing of the encoded secret is left but what base64 mixes with its surroundings."""
    encoded = {**ENCODINGS, **TWICE}[name](secret)
    hidden = Scrubber([secret]).text(f"[{encoded}]")
    assert "***" in hidden
    assert not _pieces(secret) & _pieces(_decoded(hidden)), (hidden, encoded)


def _pieces(text: str) -> set[str]:
    """Return all runs of five characters, of which a reader could tell a part of a secret."""
    return {text[at : at + 5] for at in range(len(text) - 4)}


def _decoded(text: str) -> str:
    """Return a text and what a reader can make of it by the usual decoders."""
    found = [text]
    for decode in (urllib.parse.unquote_plus, html.unescape, _unescaped):
        found += [decode(each) for each in found]
    return "\0".join(dict.fromkeys(found))


def _unescaped(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("unicode_escape", errors="replace")


@given(st.lists(SECRETS, min_size=2, max_size=3, unique=True), st.integers(1, 7))
@example(["00000002", "00000000", "20010000"], 1)
def test_overlapping_secrets_leave_nothing_of_each_other(secrets: list[str], shared: int) -> None:
    """One may be the beginning of another, or end where the next one begins."""
    chained = secrets[0]
    for each in secrets[1:]:
        chained += each[shared:] if chained.endswith(each[:shared]) else each
    longer = [
        *secrets,
        secrets[0] + "-and-more",
        secrets[0][3:] + secrets[1][:4] if secrets[0][3:].strip() else "blank",
    ]
    scrubber = Scrubber(longer)
    for text in (chained, longer[-2], secrets[0] + secrets[1][:4]):
        assert not _pieces(text.replace("*", "")) & _pieces(scrubber.text(text).replace("*", "\0")), text


def test_the_longer_of_two_secrets_leaves_nothing_of_itself() -> None:
    """Else the rest of it could be read beside the shorter one's stars."""
    for secrets in (["open", "open-sesame"], ["open-sesame", "open"]):
        assert Scrubber(secrets).text("say open-sesame") == "say ***"


def test_secrets_that_overlap_in_a_text_are_both_hidden() -> None:
    """The second one would not be found any more once the first has been replaced."""
    assert Scrubber(["swordfish", "fishbone"]).text("<swordfishbone>") == "<***>"


def test_a_single_line_of_a_long_secret_is_hidden() -> None:
    """A log shows a key in PEM line by line."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END KEY-----"
    assert Scrubber([key]).text("at line 2: MIIEvQIBADANBgkqhkiG9w0BAQEFAASC") == "at line 2: ***"


def test_numbers_and_blank_secrets_are_left_alone() -> None:
    """Stars in a number would be no JSON, and blanks are everywhere."""
    assert Scrubber(["12", " ", ""]).value({"t_s": 0.12, "text": "a b"}) == {"t_s": 0.12, "text": "a b"}


def test_other_words_are_left_alone() -> None:
    """Their encodings look alike, and only the secret's are hidden."""
    text = json.dumps({"a": 'cart"horse', "b": "p\\u00e4ss", "c": "Zm9vYmFyYmF6", "d": "%20+%41", "e": "&amp;&#228;"})
    assert Scrubber(["cart'horse99", "pässwörd12", "foobarbat!"]).text(text) == text


def test_every_writer_of_a_history_hides_what_is_encoded(tmp_path: Path) -> None:
    """A history of gameday's own runs and the load's log hide as plain experiments do."""
    secrets = ['cart"horse\\9', "pässwörd12"]
    said = json.dumps({"a": secrets[0], "b": secrets[1]})
    history = History(tmp_path, "worker", start_s=0.0, secrets=secrets)
    history.append(Event.ERROR, {"where": "here", "error": said})
    history.close()
    (line,) = (tmp_path / "history" / "worker.ndjson").read_text().splitlines()[1:]
    assert json.loads(line)["data"]["error"] == '{"a": "***", "b": "***"}'
