"""The comment on a pull request says the same as the page, in tables that no title can break."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from gameday.analysis.model import Happening
from gameday.report.markdown import markdown
from unit.report.analyses import CASES, failed, invalid, passed


@pytest.mark.parametrize("name", CASES)
def test_the_comment_is_short(name: str) -> None:
    """Nobody scrolls through two hundred lines of a bot."""
    case = CASES[name]()
    assert len(markdown(case.analysis, case.plan, case.about).splitlines()) < 200


def test_the_comment_is_short_however_much_happened() -> None:
    """What is left out is said."""
    case = failed()
    many = replace(
        case.analysis,
        checks=case.analysis.checks * 20,
        timeline=tuple(Happening(float(t), "system", "breaker opened") for t in range(500)),
    )
    text = markdown(many, case.plan, case.about)
    assert len(text.splitlines()) < 200
    assert "further checks are in the HTML report" in text
    assert "450 further lines are in the HTML report" in text


def test_the_verdict_and_its_reason_come_first() -> None:
    """The first lines are what a notification shows."""
    case = failed()
    first = markdown(case.analysis, case.plan, case.about).splitlines()[:3]
    assert first[0] == "## ✗ FAIL: If recommendations are slow, does checkout hang?"
    assert first[2].startswith("**Failed: checkout does not hang.** 53.8 % of checkout's requests hung")


@pytest.mark.parametrize("name", CASES)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    """A bar in a title must not shift the numbers to another column."""
    case = CASES[name]()
    nasty = replace(case.analysis.checks[0], title="a | b\nc `d` <b>", reason="@everyone *look*")
    analysis = replace(case.analysis, checks=(nasty, *case.analysis.checks[1:]))
    text = markdown(analysis, case.plan, case.about)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_words_of_others_are_never_markup_nor_a_mention() -> None:
    """A title may hold anything, and must call nobody."""
    case = failed()
    nasty = replace(case.analysis, reason="<img src=x> @everyone [link](x) *b*")
    text = markdown(nasty, case.plan, case.about)
    assert "<img" not in text
    assert "@everyone" not in text
    assert "[link](x)" not in text


def test_a_gate_that_does_not_hold_says_what_it_takes_away() -> None:
    """An invalid run is explained where it is read."""
    case = invalid()
    text = markdown(case.analysis, case.plan, case.about)
    assert "- ✗ **the fault took effect** `gate.fault-proven`" in text
    assert "Without it nothing is judged." in text


def test_predictions_and_the_command_are_there() -> None:
    """The reader can check the theory and run it again."""
    case = passed()
    text = markdown(case.analysis, case.plan, case.about)
    assert "| `stampede.duplicates` | 1 queries per key | 1.05 queries per key | 4.76 % more |" in text
    assert "```sh\ngameday run cache-stampede --variant hardened --seed 7\n```" in text


WORDS = (
    "plain words",
    "[click](http://127.0.0.1/)",
    "![image](http://127.0.0.1/x.png)",
    "<img src=x onerror=alert(1)>",
    "<!-- gone",
    "</details><script>alert(1)</script>",
    "<http://127.0.0.1/>",
    "**bold** _it_ __it__ ~~gone~~",
    "`code` ``more`` ```fence",
    "a | b | c",
    "# head",
    "- item",
    "+ item",
    "1. item",
    "1) item",
    "=== under",
    "> quote",
    "[name]: http://127.0.0.1/",
    "&lt;b&gt; &#60;b&#62;",
    "back\\slash \\` end\\",
    "two\n\n# lines\n\n    code",
    "",
)
"""What may stand where a title, a reason or a name does."""


def structure(text: str) -> list[str]:
    """Return what a reader of CommonMark with tables makes of a text, but for its words."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    found = []
    for token in tokens:
        found.append(token.type)
        found += [child.type for child in token.children or () if child.type not in {"text", "text_special"}]
    return found


@pytest.mark.parametrize("words", WORDS)
def test_a_parser_of_markdown_finds_no_markup_in_the_words_of_others(words: str) -> None:
    """Whatever stands in a title, a reason, a name or a message, the comment has the same parts."""
    case = failed()

    def shown(words: str) -> str:
        checks = tuple(replace(each, title=words, reason=f"{words} it was") for each in case.analysis.checks)
        gates = tuple(replace(each, title=words, reason=f"{words} it was") for each in case.analysis.gates)
        timeline = tuple(replace(each, text=words) for each in case.analysis.timeline)
        analysis = replace(
            case.analysis, reason=f"{words} it was", decided_by=None, checks=checks, gates=gates, timeline=timeline
        )
        named = case.plan.experiment.model_copy(update={"title": words or "none"})
        return markdown(analysis, replace(case.plan, experiment=named, variant=words or None), case.about)

    assert structure(shown(words)) == structure(shown(WORDS[0]))
    inline = [token for token in MarkdownIt("commonmark").parse(shown(words)) if token.type == "inline"]
    texts = {"".join(child.content for child in token.children or ()) for token in inline}
    assert f"{' '.join(words.split())} it was".strip() in texts
