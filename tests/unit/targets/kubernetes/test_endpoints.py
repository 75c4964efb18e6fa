"""Slices come whole; what is told is who left and who joined."""

from __future__ import annotations

from gameday.targets.events import ReplicaJoined, ReplicaLeft
from gameday.targets.kubernetes.endpoints import Endpoint, Endpoints


def pod(name: str, *, uid: str = "1") -> Endpoint:
    """Return an endpoint of web."""
    return Endpoint("web", name, uid, "worker")


def test_what_is_there_at_first_joins() -> None:
    """So that a reader knows how many there were."""
    found = Endpoints().all({"web-abc": [pod("a"), pod("b")]}, t_s=1.0)
    assert found == (ReplicaJoined(1.0, "web", "a", "1", "worker"), ReplicaJoined(1.0, "web", "b", "1", "worker"))


def test_only_changes_are_told() -> None:
    """A slice that says the same again says nothing."""
    endpoints = Endpoints()
    endpoints.all({"web-abc": [pod("a"), pod("b")]}, t_s=1.0)
    assert endpoints.one("web-abc", [pod("a"), pod("b")], t_s=2.0) == ()
    assert endpoints.one("web-abc", [pod("b")], t_s=3.0) == (ReplicaLeft(3.0, "web", "a", "1", "worker"),)
    assert endpoints.one("web-abc", [pod("b"), pod("c")], t_s=4.0) == (ReplicaJoined(4.0, "web", "c", "1", "worker"),)


def test_a_pod_of_the_same_name_with_another_uid_is_another() -> None:
    """The old one left, and the new one joined."""
    endpoints = Endpoints()
    endpoints.all({"s": [pod("a", uid="1")]}, t_s=1.0)
    left, joined = endpoints.one("s", [pod("a", uid="2")], t_s=2.0)
    assert (type(left), left.identity, type(joined), joined.identity) == (ReplicaLeft, "1", ReplicaJoined, "2")


def test_a_pod_in_two_slices_leaves_with_the_last() -> None:
    """Two Services may select the same pods, and a slice may be moved into another."""
    endpoints = Endpoints()
    endpoints.all({"s": [pod("a")], "t": [pod("a")]}, t_s=1.0)
    assert endpoints.one("s", [], t_s=2.0) == ()
    assert endpoints.one("t", [], t_s=3.0) == (ReplicaLeft(3.0, "web", "a", "1", "worker"),)


def test_a_new_list_tells_what_was_missed() -> None:
    """After a watch that broke."""
    endpoints = Endpoints()
    endpoints.all({"s": [pod("a"), pod("b")]}, t_s=1.0)
    found = endpoints.all({"s": [pod("b"), pod("c")]}, t_s=9.0)
    assert [(type(each), each.replica) for each in found] == [(ReplicaLeft, "a"), (ReplicaJoined, "c")]
