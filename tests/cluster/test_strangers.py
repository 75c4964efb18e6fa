"""Who reads a pod's spec and may use ``pods/proxy`` cannot command its agent; from elsewhere its end is waited for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cluster.standing import Stands
from gameday.agent.proof import Commander
from gameday.agent.wire import PORTS, PROOF_HEADER
from gameday.targets.kubernetes.agents import ask, commander_of
from gameday.targets.kubernetes.api import Api, open_api
from gameday.targets.kubernetes.keeper import new_run
from gameday.targets.kubernetes.pods import AgentContainer, Pod, pods_of
from gameday.targets.kubernetes.residue import look
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.kubernetes.target import KubernetesTarget
from gameday.targets.protocol import TargetError

pytestmark = pytest.mark.cluster

EDGE, SERVICE = "web -> payments", "web"
COMMANDS: tuple[dict[str, object], ...] = (
    {"op": "leave"},
    {"op": "delay", "edge": EDGE, "delay_s": 1, "jitter_s": 0, "lease_s": 60},
    {"op": "pause", "lease_s": 5},
    {"op": "hello"},
)


@pytest.fixture
def attached(stands: Stands) -> Iterator[tuple[Api, Site, KubernetesTarget]]:
    """Attach both agents to a service's pods."""
    site = site_of(stands.system, run=new_run())
    target = KubernetesTarget(site)
    target.attach([EDGE], [SERVICE])
    yield open_api(site.context), site, target
    target.leave()
    assert look(open_api(site.context), site).agents == ()


def agents(api: Api, site: Site) -> list[tuple[Pod, AgentContainer]]:
    """Return those of the run."""
    return [(pod, each) for pod in pods_of(api, site, SERVICE) for each in pod.agents if each.run == site.run]


def said_in_spec(api: Api, site: Site, pod: Pod, agent: AgentContainer) -> dict[str, str]:
    """Return what the environment of an agent is in its pod's spec, which whoever may read pods can read."""
    with api.translated("reading a pod"):
        spec = api.core.read_namespaced_pod(pod.name, site.namespace).spec
    (found,) = (each for each in spec.ephemeral_containers if each.name == agent.name)
    return {each.name: each.value for each in found.env if each.value is not None}


def sent(site: Site, pod: Pod, port: int, body: bytes, proof: str, *, header: str = PROOF_HEADER) -> tuple[int, bytes]:
    """Send a command through the API server, as everybody may who may use ``pods/proxy``."""
    return open_api(site.context).pod_request(
        site.namespace, pod.name, port, "/", method="POST", body=body, headers={header: proof}
    )


def test_who_reads_the_spec_commands_no_agent(attached: tuple[Api, Site, KubernetesTarget]) -> None:
    """With any value of it in any header, or as a key; the run's own commands pass all the while."""
    api, site, target = attached
    there = agents(api, site)
    assert {agent.mode for _, agent in there} == {"network", "process"}
    for pod, agent in there:
        values = said_in_spec(api, site, pod, agent)
        assert {*values} == {"GAMEDAY_KEY", "GAMEDAY_AGENT", "GAMEDAY_RUN"}
        strange = Commander(bytes.fromhex(values["GAMEDAY_KEY"]))
        for command in COMMANDS:
            body = json.dumps(command).encode()

            send = partial(sent, site, pod, PORTS[agent.mode], body)
            for header in (PROOF_HEADER, "X-Gameday-Token"):
                assert {send(value, header=header)[0] for value in ("", *values.values())} == {403}
            status, _, boot = strange.command(values["GAMEDAY_AGENT"], "/", body, send)
            assert (status, bool(boot)) == (403, True)
        assert ask(api, site, pod, agent, "hello")["run"] == site.run
    assert target.edge(EDGE).delay is None
    assert not any(each.stopped for each in target.replicas(SERVICE))


def test_from_another_machine_an_agents_end_is_waited_for(
    attached: tuple[Api, Site, KubernetesTarget], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends by itself a minute after its run's last command, and nobody else can keep it."""
    api, site, target = attached
    target._renewals.stop()  # as when the run is dead
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    commander_of.cache_clear()
    try:
        there = agents(api, site)
        for pod, agent in there:
            with pytest.raises(TargetError, match="only from the user and the machine that attached it"):
                ask(api, site, pod, agent, "leave")
        told = KubernetesTarget(replace(site, run=new_run())).leave()
        assert len(told) == len(there) > 2
        assert look(api, site).agents == ()
    finally:
        commander_of.cache_clear()
