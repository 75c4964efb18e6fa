"""What stands in files and messages of others reaches neither the terminal nor a page as anything but text."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

from gameday.analysis.routes import sound
from gameday.cli.main import main
from gameday.cli.screen import complain, say
from gameday.cli.trouble import Trouble
from gameday.experiment.visible import visible
from gameday.record.requests import ROW, Outcome
from gameday.report.html import policy
from gameday.report.progress import encodable

PAGES = sorted(path for path in Path(__file__).parents[2].joinpath("golden", "report").rglob("*.html"))
CONTROL = {
    "an escape sequence": "\x1b[2J",
    "a title": "\x1b]0;x\x07",
    "a carriage return": "ok\r",
    "a C1 sequence": "\x9b2J",
    "a backspace": "\b\b",
    "a turned direction": "\u202egnp.exe",
    "nothing at all": "\0",
}


@pytest.mark.parametrize("kind", CONTROL)
def test_control_characters_never_reach_the_terminal(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, remarks and what a live view shows are text, and nothing of it is lost."""
    text = f"before {CONTROL[kind]} after"
    say(text)
    complain(text)
    said = capsys.readouterr()
    for shown in (said.out, said.err, encodable(text, io.StringIO())):
        assert all(character.isprintable() for character in shown.rstrip("\n"))
        assert "before" in shown
        assert "after" in shown
    assert visible("tab\t, line\n, é, 日本") == "tab\t, line\n, é, 日本"


def test_a_name_on_the_command_line_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors name what they were given."""
    assert main(("run", "\x1b[31mred")) == Trouble("").code
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_allows_its_own_style_sheet_and_nothing_else(page: Path) -> None:
    """No script, no style of an element's own, nothing that is fetched; the browser enforces it."""
    text = page.read_text(encoding="utf-8")
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    allowed = re.search('<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert style is not None
    assert allowed is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    said = allowed[1].replace("&#39;", "'")
    assert said == policy(style[1])
    assert f"style-src 'sha256-{digest}'" in said
    assert said.startswith("default-src 'none';")
    rest = text.replace(style[0], "")
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", rest)


ODD: dict[str, tuple[str, float]] = {
    "scheduled before the load": ("scheduled_s", -5.0),
    "scheduled at no time": ("scheduled_s", float("nan")),
    "scheduled after all time": ("scheduled_s", 1e300),
    "an endless lag": ("lag_s", float("inf")),
    "a lag that is no number": ("lag_s", float("nan")),
    "a negative service time": ("service_s", -3.0),
    "an endless service time": ("service_s", float("inf")),
    "an unknown outcome": ("outcome", 99),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_row_that_no_load_can_have_written_is_found(kind: str) -> None:
    """And no other."""
    rows = np.zeros(3, ROW)
    rows["outcome"] = (Outcome.OK, Outcome.DROPPED, Outcome.CENSORED)
    rows["retry_after_s"] = float("nan")
    assert sound(rows, routes={0})[1] == ()
    key, value = ODD[kind]
    rows[key][1] = value
    left, told = sound(rows, routes={0})
    assert left["outcome"].tolist() == [Outcome.OK, Outcome.CENSORED]
    assert [sentence.startswith("1 of 3 rows") for sentence in told] == [True]
