"""What a target cannot do is told before anything is touched."""

from __future__ import annotations

from dataclasses import replace

from gameday.experiment.model import TARGETS, Targets
from gameday.experiment.placement import impossible, undeclared
from samples import planned


def test_a_target_that_the_system_file_does_not_declare_is_told_with_those_that_it_does() -> None:
    """And with what to write for it."""
    system = planned().system
    declared = system.model_copy(update={"targets": Targets(local=system.targets.local)})
    misplaced = undeclared(declared, "kind")
    assert misplaced is not None
    assert "--target local" in misplaced.valid
    assert "targets: {kind:" in misplaced.valid
    assert undeclared(declared, "local") is None


def test_a_fault_that_its_target_can_do_is_let_through() -> None:
    """Most can be done anywhere."""
    assert impossible(planned()) is None


def test_a_fault_that_only_another_target_can_do_is_told_with_that_one() -> None:
    """By its name and where it was to act."""
    plan = planned()
    only = replace(plan.faults[0], targets=("kind",), parameters={"service": "web"})
    misplaced = impossible(replace(plan, faults=(only,), target="local"))
    assert misplaced is not None
    assert misplaced.seen.endswith("on web")
    assert misplaced.valid.startswith("--target kind")


def test_every_word_for_a_target_can_be_declared() -> None:
    """The commands' words are the file's keys."""
    from gameday.cli.flags import TARGETS as words  # noqa: N811, PLC0415 - compared here only

    assert words == TARGETS == tuple(Targets.model_fields)
