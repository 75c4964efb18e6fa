"""What was done to whom is told once for faults that are alike, with the time of each."""

from __future__ import annotations

from dataclasses import replace

from gameday.analysis.model import Analysis
from gameday.experiment.catalogue import PlannedFault
from gameday.report.content import Deed, deeds
from unit.report.analyses import failed, passed

CASE = failed()
(DELAY,) = CASE.plan.faults
(EMPTIED,) = passed().plan.faults
REFUSED = replace(DELAY, fault="errors", dose="100% with 503")
NOT_ON_RECORD = "It is not on record that it took place."

Span = tuple[float, float]


def told(*faults: tuple[PlannedFault, Span | None]) -> list[Deed]:
    """Return the deeds of a run with these faults, each with when it was on."""
    analysis: Analysis = replace(CASE.analysis, spans=tuple(span for _, span in faults))
    return list(deeds(analysis, replace(CASE.plan, faults=tuple(fault for fault, _ in faults))))


def act(name: str) -> PlannedFault:
    """Return an action of Chaos Toolkit that says nothing of its services."""
    effect, undo = f"Chaos Toolkit's action runs: {name}.", f"The undo of {name}."
    parameters = {**EMPTIED.parameters, "name": name}
    return replace(
        EMPTIED, fault="activity", parameters=parameters, services=(), dose="", effect=effect, undo=undo, proof=""
    )


def test_faults_that_are_alike_are_told_once_with_all_their_times() -> None:
    """A monkey's twenty visits are one paragraph, in the order in which they came."""
    (emptied,) = told(*((EMPTIED, (t_s, t_s)) for t_s in (30.5, 22.0, 41.0)))
    assert emptied.title.startswith("empty-cache")
    assert "It happened at 22.0 s, 30.5 s, 41.0 s." in emptied.sentences


def test_each_fault_has_the_time_that_it_was_on_and_no_other_s() -> None:
    """Two that overlap, one of which is over before."""
    delayed, emptied = told((DELAY, (22.1, 42.0)), (EMPTIED, (30.0, 30.0)))
    assert "It was on from 22.1 s to 42.0 s." in delayed.sentences
    assert "It happened at 30.0 s." in emptied.sentences


def test_a_fault_that_never_came_has_no_time_of_another() -> None:
    """The run ended between the two."""
    _, emptied = told((DELAY, (22.1, 42.0)), (EMPTIED, None))
    assert NOT_ON_RECORD in emptied.sentences


def test_the_later_of_two_on_one_edge_does_not_get_the_time_of_the_first() -> None:
    """It stands first in the file, and the run was aborted between them."""
    much, little = (replace(DELAY, dose=dose) for dose in ("500 ms", "100 ms"))
    later, first = told((much, None), (little, (22.0, 32.0)))
    assert NOT_ON_RECORD in later.sentences
    assert "It was on from 22.0 s to 32.0 s." in first.sentences


def test_two_actions_of_the_same_title_are_two() -> None:
    """What they do and how it is undone tells them apart."""
    queue, disk = told((act("stop the queue"), (22.0, 22.0)), (act("fill the disk"), (30.0, 30.0)))
    assert queue.title == disk.title
    assert queue.sentences[:2] == ("Chaos Toolkit's action runs: stop the queue.", "It happened at 22.0 s.")
    assert disk.sentences[:2] == ("Chaos Toolkit's action runs: fill the disk.", "It happened at 30.0 s.")


def test_errors_of_two_paths_of_an_edge_are_two() -> None:
    """One after the other, with the same dose."""
    paths = [
        replace(REFUSED, effect=f"Of the requests to {path}, 100% are answered with 503.")
        for path in ("/pay", "/refund")
    ]
    pay, refund = told((paths[0], (22.0, 26.0)), (paths[1], (30.0, 34.0)))
    assert "It was on from 22.0 s to 26.0 s." in pay.sentences
    assert "It was on from 30.0 s to 34.0 s." in refund.sentences


def test_what_could_not_be_timed_is_not_on_record() -> None:
    """The part of the analysis that finds the times is broken."""
    (delayed,) = deeds(replace(CASE.analysis, spans=()), CASE.plan)
    assert NOT_ON_RECORD in delayed.sentences
