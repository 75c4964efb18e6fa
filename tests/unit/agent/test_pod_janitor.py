"""The janitor brings an object back when its lease has ended, and never before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from gameday.agent.pod.janitor import (
    COST,
    REHEARSAL,
    SILENT_S,
    UNDO,
    BusyError,
    Message,
    RefusedError,
    Watched,
    rehearse,
    undo,
)
from gameday.agent.pod.janitor import keep as keep_for

PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
JOB = "gameday-janitor-1"
LEASE_S, FIRST_S = 5.0, 30.0
keep = partial(keep_for, first_s=FIRST_S)


def annotation(*, deadline_in_s: float = 3600, janitor: str = JOB, pods: tuple[str, ...] = ()) -> str:
    """Write one as the runner does."""
    deadline = (datetime.now(UTC) + timedelta(seconds=deadline_in_s)).isoformat()
    wanted = {"patch": {"spec": {"replicas": 2}}, "pods": pods}
    return json.dumps({"undo": wanted, "lease_s": LEASE_S, "deadline": deadline, "janitor": janitor})


class Cluster:
    """One object, with an annotation or none, and what was asked of it."""

    def __init__(self, *texts: str | None) -> None:
        """Show these annotations one after the other, and the last one from then on."""
        self.texts = list(texts)
        self.patches: list[tuple[str, Message]] = []
        self.busy = 0

    def ask(self, method: str, path: str, body: Message | None) -> Message | None:
        """Answer as the API server would."""
        if self.busy:
            self.busy -= 1
            raise BusyError("the API server is away")
        if method == "PATCH":
            assert body is not None
            self.patches.append((path, body))
            self.texts = [None] if path == PATH else self.texts
            return {}
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        return {"metadata": {"resourceVersion": "7", **({"annotations": {UNDO: text}} if text else {})}}


def looks(*times_s: float) -> Iterator[float]:
    """Look at these times."""
    yield from times_s


def test_it_brings_the_object_back_when_nobody_extends_the_lease() -> None:
    """One request that fails when the object has changed: annotation away, replicas back."""
    cluster = Cluster(annotation(pods=("web-1",)))
    assert "was brought back" in keep(cluster.ask, PATH, JOB, "shop", looks(0, 1, 4.9, 5, 6))
    assert cluster.patches == [
        ("/api/v1/namespaces/shop/pods/web-1", {"metadata": {"annotations": {COST: None}}}),
        (PATH, {"metadata": {"resourceVersion": "7", "annotations": {UNDO: None}}, "spec": {"replicas": 2}}),
    ]


@pytest.mark.parametrize(
    ("seen", "ends"),
    [((annotation(),), "was brought back"), ((annotation(), None), "is as it was"), ((None,), "was not changed")],
)
def test_it_removes_the_copies_that_kubernetes_made_of_its_annotation_and_no_other(
    seen: tuple[str | None, ...], ends: str
) -> None:
    """
    A rollback to the ReplicaSet that has one would bring it back.

    Whoever undid the change before may have been killed between that and the copies, and so may an earlier process of this Job's.
    """
    cluster, sets = Cluster(*seen), "/apis/apps/v1/namespaces/shop/replicasets"
    copied = {"web-1": annotation(), "web-2": annotation(janitor="gameday-janitor-2"), "web-3": None}
    items = [{"metadata": {"name": name, "annotations": {UNDO: text} if text else {}}} for name, text in copied.items()]

    def ask(method: str, path: str, body: Message | None) -> Message | None:
        return {"items": items} if (method, path) == ("GET", sets) else cluster.ask(method, path, body)

    assert ends in keep(ask, PATH, JOB, "shop", looks(0, 5, FIRST_S + 1))
    assert [patch for patch in cluster.patches if patch[0] != PATH] == [
        (f"{sets}/web-1", {"metadata": {"annotations": {UNDO: None}}})
    ]


def test_it_brings_back_what_a_fault_changes_and_nothing_else() -> None:
    """An annotation that asks for more is refused, told once, and looked at again; a pod's name that is a path, too."""
    hostile = (
        {"patch": {"spec": {"template": {"spec": {"hostNetwork": True}}}}, "pods": ()},
        {"patch": {"spec": {"replicas": 2}}, "pods": ("../x",)},
    )
    for wanted in hostile:
        told: list[str] = []
        cluster = Cluster(json.dumps({**json.loads(annotation()), "undo": wanted}))
        assert keep(cluster.ask, PATH, JOB, "shop", looks(0, 5, 6, 7), report=told.append) == "there was no time left"
        assert cluster.patches == []
        (sentence,) = told
        assert "more than a fault changes" in sentence


def test_broken_copies_of_others_keep_it_from_nothing() -> None:
    """They name nobody."""
    cluster, sets = Cluster(annotation()), "/apis/apps/v1/namespaces/shop/replicasets"
    items = [{"metadata": {"name": text, "annotations": {UNDO: text}}} for text in ("{", "[]", "null", "7")]
    items += [{"metadata": {"name": "bare"}}, {"metadata": {"name": "web-1", "annotations": {UNDO: annotation()}}}]

    def ask(method: str, path: str, body: Message | None) -> Message | None:
        return {"items": items} if (method, path) == ("GET", sets) else cluster.ask(method, path, body)

    assert "was brought back" in keep(ask, PATH, JOB, "shop", looks(0, 5))
    assert [path for path, _ in cluster.patches] == [PATH, f"{sets}/web-1"]


def test_it_does_nothing_while_somebody_does() -> None:
    """Every change of the annotation is a sign of life."""
    cluster = Cluster(*(annotation(deadline_in_s=5 + each) for each in range(20)))
    assert keep(cluster.ask, PATH, JOB, "shop", looks(*range(20))) == "there was no time left"
    assert cluster.patches == []


def test_it_ends_when_the_annotation_is_gone() -> None:
    """Whoever took it away has undone the change."""
    cluster = Cluster(annotation(), None)
    assert keep(cluster.ask, PATH, JOB, "shop", looks(0, 0.5)).endswith("is as it was")
    assert cluster.patches == []


def test_it_leaves_what_names_another_job_alone() -> None:
    """A later fault on the same object has a janitor of its own."""
    cluster = Cluster(annotation(janitor="gameday-janitor-2"))
    assert keep(cluster.ask, PATH, JOB, "shop", looks(0, 1, FIRST_S, FIRST_S + 1)).endswith("was not changed")


def test_it_waits_for_the_annotation_of_a_slow_runner() -> None:
    """The Job is there before the change is."""
    cluster = Cluster(None, None, annotation())
    assert "was brought back" in keep(cluster.ask, PATH, JOB, "shop", looks(0, 1, 2, 7))


def test_one_that_was_started_ahead_waits_as_long_as_it_was_told() -> None:
    """Its fault is minutes away; and where that never comes, it ends."""
    late = Cluster(*(None,) * 3, annotation())
    assert "was brought back" in keep_for(late.ask, PATH, JOB, "shop", looks(0, 31, 299, 300, 306), first_s=300)
    never = Cluster(None)
    assert keep_for(never.ask, PATH, JOB, "shop", looks(0, 299, 300, 300.5), first_s=300).endswith("was not changed")
    assert keep_for(never.ask, PATH, JOB, "shop", looks(0, 299, 300), first_s=300) == "there was no time left"
    assert never.patches == []


def test_a_deadline_that_has_passed_needs_a_moment_of_silence_too() -> None:
    """The runner's clock may be behind this one's."""
    cluster = Cluster(annotation(deadline_in_s=-1))
    watched = Watched(cluster.texts[0] or "", 10.0)
    late = datetime.now(UTC)
    assert not watched.is_over(cluster.texts[0] or "", now_s=10.0 + SILENT_S / 2, wall=late)
    assert watched.is_over(cluster.texts[0] or "", now_s=10.0 + SILENT_S, wall=late)


def test_an_api_server_that_is_away_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is undone while nothing is known, and nothing is given up."""
    cluster = Cluster(annotation())
    cluster.busy = 3
    assert "was brought back" in keep(cluster.ask, PATH, JOB, "shop", looks(0, 1, 2, 3, 9))
    assert capsys.readouterr().out.count("away") == 3


def test_undoing_twice_is_once() -> None:
    """The second finds another version, and looks again."""

    def ask(method: str, path: str, body: Message | None) -> Message | None:  # noqa: ARG001 - as it is called
        raise BusyError("409 Conflict")

    found: dict[str, Any] = {"metadata": {"resourceVersion": "7", "annotations": {UNDO: annotation()}}}
    with pytest.raises(BusyError):
        undo(ask, PATH, "shop", found)


class Rights:
    """An API server that lets an account do some things, with an object that has replicas, or is a node."""

    def __init__(self, *refused: str) -> None:
        """Refuse these ``METHOD path``, without their query."""
        self.refused, self.asked = refused, list[str]()

    def ask(self, method: str, path: str, body: Message | None) -> Message | None:
        """Refuse, or answer for what there is; nothing has the name of a rehearsal."""
        self.asked.append(f"{method} {path}")
        assert body is None or path.endswith("?dryRun=All"), "nothing is changed"
        if f"{method} {path.partition('?')[0]}" in self.refused:
            raise RefusedError(f"{method} {path}: 403")
        return None if REHEARSAL in path else {"spec": {"unschedulable": True, "replicas": 2}, "items": []}


NODE = "/api/v1/nodes/one"
SETS = "/apis/apps/v1/namespaces/shop/replicasets"
PODS = f"/api/v1/namespaces/shop/pods/{REHEARSAL}"


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        (NODE, (f"GET {NODE}", f"PATCH {NODE}")),
        (PATH, (f"GET {PATH}", f"PATCH {PATH}", f"PATCH {PODS}", f"GET {SETS}", f"PATCH {SETS}/{REHEARSAL}")),
    ],
)
def test_everything_that_an_undo_asks_is_tried_and_changes_nothing(path: str, needed: tuple[str, ...]) -> None:
    """One right that is missing is enough to be refused."""
    rights = Rights()
    rehearse(rights.ask, path, "shop")
    assert [each.partition("?")[0] for each in rights.asked] == list(needed)
    for each in needed:
        with pytest.raises(RefusedError, match=re.escape(each)):
            rehearse(Rights(each).ask, path, "shop")


def test_an_undo_asks_nothing_that_was_not_tried() -> None:
    """Else a right could be missing when it is too late."""
    cluster, tried, asked = Cluster(annotation(pods=(REHEARSAL,))), Rights(), list[str]()
    rehearse(tried.ask, PATH, "shop")

    def ask(method: str, path: str, body: Message | None) -> Message | None:
        asked.append(f"{method} {path}")
        if (method, path) == ("GET", SETS):
            text = annotation()
            return {"items": [{"metadata": {"name": REHEARSAL, "annotations": {UNDO: text}}}]}
        return cluster.ask(method, path, body)

    assert "was brought back" in keep(ask, PATH, JOB, "shop", looks(0, 5))
    assert set(asked) == {each.partition("?")[0] for each in tried.asked}


def test_a_refusal_is_reported_once_and_tried_again() -> None:
    """The right may be granted while it watches."""
    cluster, said, left = Cluster(annotation()), list[str](), [2]

    def ask(method: str, path: str, body: Message | None) -> Message | None:
        if method == "PATCH" and left[0]:
            left[0] -= 1
            raise RefusedError("nodes is forbidden")
        return cluster.ask(method, path, body)

    why = keep(ask, PATH, JOB, "shop", looks(0, 5, 5.5, 6), report=said.append)
    assert "was brought back" in why
    assert said == [f"the undo of {PATH} is refused, and is tried again: nodes is forbidden"]
