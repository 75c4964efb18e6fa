"""What comes back through the API server, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import Configuration

from gameday.agent.proof import Commander, ForgedError, Verifier
from gameday.agent.wire import PROOF_HEADER
from gameday.targets.kubernetes.agents import (
    NoWayError,
    SilentError,
    StrangerError,
    ask,
    commander_of,
    judged,
    read_answer,
)
from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.pods import AgentContainer, Pod
from gameday.targets.kubernetes.site import Site
from gameday.targets.protocol import TargetError

OF = "the network agent in pod web-1"
SITE = Site("a-context", "mine", "run-1", {}, (), {})


POD = Pod(
    name="web-1",
    uid="u1",
    service="cache",
    node="worker",
    ip="10.244.1.2",
    host_network=False,
    phase="Running",
    ready=True,
    terminating=False,
    restarts=0,
    container="redis",
    user=999,
    group=None,
    capabilities=None,
    shares_processes=False,
    agents=(),
    created_s=0.0,
)


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Know no agent of another test."""
    commander_of.cache_clear()
    yield
    commander_of.cache_clear()


@pytest.mark.parametrize("text", [b'{"kind": "Status", "message": "connection refused"}', b"", b"<html>"])
def test_what_the_api_server_says_itself_is_silence(text: bytes) -> None:
    """It reached nobody, or something else."""
    with pytest.raises(SilentError, match="web-1 cannot be reached"):
        read_answer(503, text, of=OF)


def test_an_edge_without_a_way_is_told_from_other_refusals() -> None:
    """The first is mended by opening it."""
    with pytest.raises(NoWayError, match="is closed"):
        judged(409, {"error": "the way of 'web -> payments' is closed; send op open first"}, of=OF)
    with pytest.raises(TargetError, match="asked for 9 cores") as refused:
        judged(409, {"error": "stress: asked for 9 cores"}, of=OF)
    assert not isinstance(refused.value, NoWayError)
    assert judged(200, {"left": True}, of=OF) == {"left": True}


class Cluster(Api):
    """A cluster in which somebody answers at the agent's port."""

    def __init__(self, answers: Verifier) -> None:
        """Record what was done."""
        super().__init__("a-context", Configuration())
        self.answers, self.log = answers, f"gameday boot {answers.boot}\n"
        self.done: list[object] = []
        self.core = SimpleNamespace(read_namespaced_pod_log=lambda *_, **__: self.log)

    def pod_request(
        self,
        namespace: str,  # noqa: ARG002 - the signature of all
        pod: str,  # noqa: ARG002 - same
        port: int,  # noqa: ARG002 - same
        path: str,
        **how: Any,  # noqa: ANN401 - same
    ) -> tuple[int, bytes]:
        """Answer as an agent does."""
        proof = how["headers"][PROOF_HEADER]
        try:
            self.answers.check(proof, path).check_body(how["body"])
        except ForgedError as error:
            return 403, self.answers.sign(proof, 403, json.dumps(self.answers.refusal(error)).encode())
        self.done.append(json.loads(how["body"])["op"])
        return 200, self.answers.sign(proof, 200, b"{}")


def agent(key: str) -> AgentContainer:
    """Return an agent that takes commands of a key."""
    return AgentContainer("gameday-network-1", "network", "run-1", key, running=True, over=False, waiting="")


@pytest.fixture
def ours() -> AgentContainer:
    """Return one that takes this user's."""
    return agent(commander_of("run-1").public)


ADDRESS = "u1/gameday-network-1"


def test_an_agent_of_this_users_run_does_what_it_is_asked(ours: AgentContainer) -> None:
    """It is asked anew when it has started anew, as long as nobody knows who it is."""
    cluster = Cluster(Verifier(ADDRESS, ours.key))
    assert ask(cluster, SITE, POD, ours, "hello") == {}
    assert ask(cluster, SITE, POD, ours, "leave") == {}
    assert cluster.done == ["hello", "leave"]


def test_an_agent_of_another_user_or_machine_is_not_even_asked() -> None:
    """It takes no command from here."""
    theirs = Commander(bytes(32)).public
    cluster = Cluster(Verifier(ADDRESS, theirs))
    with pytest.raises(StrangerError, match="only from the user and the machine that attached it"):
        ask(cluster, SITE, POD, agent(theirs), "hello")
    assert cluster.done == []


def test_another_agent_in_its_place_does_nothing(ours: AgentContainer) -> None:
    """It was there first, and takes commands for itself alone."""
    cluster = Cluster(Verifier("u1/gameday-network-2", ours.key))
    with pytest.raises(StrangerError, match="not the agent's own"):
        ask(cluster, SITE, POD, ours, "hello")
    assert cluster.done == []


def test_who_answers_must_be_the_container_that_runs(ours: AgentContainer) -> None:
    """Its log says so, which only the kubelet hands on; the public part in the spec is not enough to pass for it."""
    cluster = Cluster(Verifier(ADDRESS, ours.key))
    cluster.log = f"gameday boot {Verifier(ADDRESS, ours.key).boot}\n"
    with pytest.raises(StrangerError, match="log"):
        ask(cluster, SITE, POD, ours, "hello")
    cluster.log = ""  # the kubelet has not got it yet
    assert ask(cluster, SITE, POD, ours, "hello") == {}
    cluster.log = f"gameday boot {cluster.answers.boot}\n"
    assert ask(cluster, SITE, POD, ours, "hello") == {}
    cluster.answers = Verifier(ADDRESS, ours.key)
    with pytest.raises(StrangerError, match="not the agent's own"):
        ask(cluster, SITE, POD, ours, "hello")


def test_without_a_key_of_this_user_there_are_no_agents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what to do is said."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    commander_of.cache_clear()
    with pytest.raises(TargetError, match="next: set XDG_STATE_HOME"):
        commander_of("run-1")
