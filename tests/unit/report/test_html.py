"""The page stands alone, says the verdict first, and can be read without colour, script or network."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gameday.analysis.model import Finding, Happening, Interval, Status, Verdict
from gameday.report.html import html
from unit.report.analyses import CASES, Case, aborted, failed, invalid, passed

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects what tests ask of a page; an element that is not closed in order is a mistake."""

    def __init__(self, text: str) -> None:
        """Parse a whole page."""
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an empty element."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be this one."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the words outside of style sheets."""
        if "style" not in self.open:
            self.words += data.split()

    @property
    def text(self) -> str:
        """Return all words, one space between them."""
        return " ".join(self.words)

    def values(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [value for _, attribute, value in self.attributes if attribute == name]


def rendered(case: Case) -> str:
    """Render a case."""
    return html(case.analysis, case.plan, case.about)


@pytest.mark.parametrize("name", CASES)
def test_every_element_is_closed_and_every_identifier_is_unique(name: str) -> None:
    """A page that a browser must repair is read differently by each."""
    ids = Page(rendered(CASES[name]())).values("id")
    assert [each for each, n in Counter(ids).items() if n > 1] == []


@pytest.mark.parametrize("name", CASES)
def test_the_page_needs_nothing_from_elsewhere(name: str) -> None:
    """It is read offline, years later: no script, no link to another host, no file beside it."""
    text = rendered(CASES[name]())
    page = Page(text)
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == page.tags["iframe"] == 0
    assert [value for value in (*page.values("href"), *page.values("src")) if not value.startswith("#")] == []
    assert re.findall(r"url\((?!#)|@import|https?://", text) == []


@pytest.mark.parametrize("name", CASES)
def test_every_link_within_the_page_leads_somewhere(name: str) -> None:
    """What decided is one click away."""
    page = Page(rendered(CASES[name]()))
    assert {value[1:] for value in page.values("href")} <= set(page.values("id"))


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_small(name: str) -> None:
    """A phone loads it at once."""
    assert len(rendered(CASES[name]()).encode()) < 300_000


def test_the_verdict_and_its_reason_come_first() -> None:
    """Whoever is woken reads no further than they must."""
    text = Page(rendered(failed())).text
    beginning = text[text.index("✗ FAIL") :].split("What was done to whom")[0]
    order = [
        "✗ FAIL a check failed",
        "If recommendations are slow, does checkout hang?",
        "Failed: checkout does not hang. 53.8 % of checkout's requests hung",
        "variant naive",
        "Where it broke",
        "36.2 % good",
    ]
    assert [beginning.find(words) for words in order] == sorted(beginning.find(words) for words in order)
    assert all(words in beginning for words in order)


def test_what_decided_is_marked_and_stands_first_in_its_group() -> None:
    """Of eight failed checks one is the reason."""
    text = rendered(failed())
    assert re.search(r'id="bulkhead\.checkout\.hung" class="check fail decided"', text)
    assert text.index('id="bulkhead.checkout.hung"') < text.index('id="bulkhead.checkout.latency"')


def test_failed_checks_stand_before_passed_ones_within_a_group() -> None:
    """The eye starts at the top."""
    statuses = re.findall(r'id="bulkhead\.[a-z.-]+" class="check ([a-z]+)', rendered(failed()))
    order = ["fail", "inconclusive", "pass"]
    assert statuses == sorted(statuses, key=order.index)
    assert set(statuses) == set(order)


def test_a_check_shows_value_interval_threshold_and_sample() -> None:
    """Four numbers make a claim that can be argued with."""
    page = rendered(failed())
    row = page[page.index('id="bulkhead.checkout.hung"') :].split("</tr>")[0]
    assert all(words in row for words in ("53.8 %", "[50.1, 57.5] % (99 %)", "≤ 0.5 %", "960"))


def test_every_status_is_said_in_words() -> None:
    """Colour is never the only sign."""
    text = Page(rendered(failed())).text
    assert all(words in text for words in ("✗ fail", "✓ pass", "? inconclusive", "· shown"))


def test_every_drawing_has_words_that_stand_for_it() -> None:
    """Who cannot see a plot reads the same in its label."""
    text = rendered(failed())
    assert text.count("<svg viewBox") == text.count('role="img" aria-label="')
    assert "Response time of checkout over time. Warmup: 100 % good" in text


def test_gates_are_one_line_when_all_hold_and_open_when_one_does_not() -> None:
    """What is in order takes no room."""
    assert '<details class="gates">' in rendered(failed())
    assert "All 8 gates hold" in rendered(failed())
    assert '<details class="gates" open>' in rendered(invalid())
    assert "1 of 8 gates does not hold: the fault took effect." in rendered(invalid())


def test_the_proof_of_the_fault_is_told_with_its_numbers() -> None:
    """What was asked, what was measured, how often, and what went around it."""
    text = Page(rendered(invalid())).text
    assert "asked: +2 s; measured: +7 ms at the median; n=580 calls; bypassed: 296 of 580 calls" in text
    assert "Undo ✓ pass" in text


def test_predictions_stand_beside_what_was_measured() -> None:
    """Theory is put at risk."""
    text = Page(rendered(passed())).text
    assert "stampede.duplicates 1 queries per key 1.05 queries per key 4.76 % more one query per key" in text


def test_an_impulse_is_a_line_and_a_step_is_a_band() -> None:
    """A fault that is over at once has no width."""
    assert 'class="struck"' in rendered(passed())
    assert 'class="band"' not in rendered(passed())
    assert 'class="band"' in rendered(failed())


def test_a_response_time_beyond_the_hang_threshold_is_only_known_to_be_longer() -> None:
    """No number is made up for who gave up waiting."""
    text = rendered(failed())
    assert "p95 22 ms → &gt; 3 s" in text
    row = text[text.index('id="steady-state.checkout.p95.fault"') :].split("</tr>")[0]
    assert "&gt; 3 s" in row
    assert "[3.00, ∞] s (99 %)" in row


def test_a_run_that_ended_early_shows_what_there_was() -> None:
    """Seconds that never came are not drawn, and phases without rows are not summed up."""
    text = rendered(aborted())
    assert "26 s: " in text
    assert "27 s: " not in text


def test_words_of_others_are_never_markup() -> None:
    """A title or a line of a log may hold anything."""
    case = failed()
    nasty = "<script>alert('x')</script> & \"quoted\""
    shown = replace(case.analysis.checks[0], title=nasty, reason=nasty, evidence=(nasty,))
    analysis = replace(
        case.analysis,
        reason=nasty,
        checks=(shown, *case.analysis.checks[1:]),
        timeline=(Happening(0.0, "system", nasty),),
        system=(replace(case.analysis.system[0], title=nasty),),
    )
    page = Page(html(analysis, case.plan, replace(case.about, command=nasty)))
    assert page.tags["script"] == 0
    assert page.text.count("alert('x')") >= 5


def test_nothing_at_all_is_still_a_page() -> None:
    """A run that died at once left no checks, rows or signals, and its report says so."""
    case = invalid()
    nothing = replace(
        case.analysis,
        gates=(),
        checks=(),
        predictions=(),
        faulted=(),
        routes=(),
        summaries=(),
        system=(),
        timeline=(),
        spans=(),
    )
    text = Page(html(nothing, case.plan, case.about)).text
    assert "No check was planned." in text
    assert "No request was recorded." in text
    assert "No gate was judged." in text
    assert "It is not on record that it took place." in text


def test_strange_numbers_do_not_break_a_plot() -> None:
    """Infinite and missing values are gaps or ends of an axis."""
    case = failed()
    strange = Finding(
        "bulkhead.x.latency",
        "x",
        Status.INCONCLUSIVE,
        float("inf"),
        "times",
        Interval(float("-inf"), float("inf"), 0.99),
        "<",
        1.5,
        0,
        "Unknown.",
    )
    route = replace(case.analysis.routes[0], p95_s=(None,) * 56, p50_s=(float("inf"), *(None,) * 55))
    signal = replace(case.analysis.system[0], values=(float("nan"), *(0.0,) * 55), limit=None)
    analysis = replace(
        case.analysis, verdict=Verdict.INCONCLUSIVE, checks=(strange,), routes=(route,), system=(signal,)
    )
    text = html(analysis, case.plan, case.about)
    assert not re.search(r'="[^"]*\b(nan|inf)\b[^"]*"', text)
    assert "not bounded" in Page(text).text


def test_the_same_values_give_the_same_bytes() -> None:
    """The page can be rebuilt years later and compared."""
    assert rendered(failed()) == rendered(failed())
