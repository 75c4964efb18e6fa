"""What holds a secret has ``***`` in its place, and stays what it was otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameday.record.scrubbing import Scrubber

WORDS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(before=st.text(), secret=WORDS, after=st.text())
def test_no_secret_remains(before: str, secret: str, after: str) -> None:
    """Wherever it stands in a text or a nested value."""
    value = Scrubber([secret]).value([before + secret + after, {"b": secret}])
    assert isinstance(value, list)
    assert secret not in str(value[0])
    assert value[1] == {"***" if secret == "b" else "b": "***"}  # noqa: S105 - a letter


def test_the_longer_of_two_secrets_leaves_nothing_of_itself() -> None:
    """Else the rest of it could be read beside the shorter one's stars."""
    assert Scrubber(["open", "open-sesame"]).text("say open-sesame") == "say ***"


def test_a_secret_is_hidden_where_it_is_escaped() -> None:
    """As in the repr of what holds it."""
    assert "two" not in Scrubber(["one\ntwo"]).text(repr({"token": "one\ntwo"}))


def test_numbers_and_blank_secrets_are_left_alone() -> None:
    """Stars in a number would be no JSON, and blanks are everywhere."""
    assert Scrubber(["12", " ", ""]).value({"t_s": 0.12, "text": "a b"}) == {"t_s": 0.12, "text": "a b"}
