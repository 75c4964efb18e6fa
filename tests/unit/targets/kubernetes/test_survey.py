"""What init says of containers that do not run."""

from __future__ import annotations

import pytest
from kubernetes.client import V1ContainerState as State
from kubernetes.client import V1ContainerStateRunning as Running
from kubernetes.client import V1ContainerStateTerminated as Ended
from kubernetes.client import V1ContainerStateWaiting as Waiting
from kubernetes.client import V1ContainerStatus as Status

from gameday.targets.kubernetes.survey import trouble


def status(state: State, before: State | None = None) -> Status:
    """Return what the kubelet says of a container that was started twice."""
    return Status(name="app", image="app:1", image_id="", ready=False, restart_count=1, state=state, last_state=before)


CRASHED = State(terminated=Ended(exit_code=7, reason="Error"))


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (
            status(State(waiting=Waiting(reason="CrashLoopBackOff")), CRASHED),
            "container app waits: CrashLoopBackOff (exit code 7)",
        ),
        (status(CRASHED, CRASHED), "container app ended: Error (exit code 7)"),
        (
            status(State(terminated=Ended(exit_code=0, reason="Completed"))),
            "container app ended: Completed (exit code 0)",
        ),
        (status(State(waiting=Waiting(reason="ImagePullBackOff"))), "container app waits: ImagePullBackOff"),
        (status(State(waiting=Waiting(reason="ContainerCreating"))), None),
        (status(State(running=Running())), None),
    ],
)
def test_a_container_that_crashes_is_told_whatever_it_is_seen_doing(seen: Status, told: str | None) -> None:
    """Between two waits it has just ended; only a container of the preparation ends well."""
    assert trouble(seen) == told


def test_a_container_of_the_preparation_that_is_done_is_no_trouble() -> None:
    """It has to end before the others start, but not like this."""
    assert trouble(status(State(terminated=Ended(exit_code=0, reason="Completed"))), done=0) is None
    assert trouble(status(CRASHED), done=0) == "container app ended: Error (exit code 7)"
