"""The admission policies that ship let everything of gameday through and nothing else; the network policy is taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import pytest

from cluster.fronts import Place
from cluster.standing import CONTEXT, kubectl
from gameday.experiment.loading.system import load_system
from gameday.targets.kubernetes import janitor, loadjobs
from gameday.targets.kubernetes.api import MERGE, Api, open_api
from gameday.targets.kubernetes.container import declared
from gameday.targets.kubernetes.image import LOAD, SHOP
from gameday.targets.kubernetes.pods import pods_of
from gameday.targets.kubernetes.site import Site, site_of
from gameday.targets.protocol import TargetError
from system.target.running import wait_until

Change = Callable[[Any], object]
Job = dict[str, Any]
IN_FORCE_S = 30.0
SECRET = {"name": "GAMEDAY_KEY", "valueFrom": {"secretKeyRef": {"name": "other", "key": "key"}}}
AGENTS: Mapping[str, tuple[str, Change, str]] = {
    "image": ("network", lambda it: it.update(image="busybox"), f"no other image than {SHOP.name}"),
    "program": ("network", lambda it: it.update(command=["python", "-c", "0"]), "no other program"),
    "arguments": ("process", lambda it: it.update(args=["x"]), "no other program"),
    "folder": ("process", lambda it: it.update(workingDir="/tmp"), "no other program"),  # noqa: S108 - the pod's
    "variable": ("process", lambda it: it["env"].append({"name": "PYTHONPATH", "value": "/x"}), "no other variables"),
    "secret": ("process", lambda it: it["env"].append(SECRET), "no other variables"),
    "privileged": (
        "network",
        lambda it: it["securityContext"].update(privileged=True, allowPrivilegeEscalation=True),
        "not privileged",
    ),
    "escalation": ("process", lambda it: it["securityContext"].pop("allowPrivilegeEscalation"), "not privileged"),
    "unconfined": (
        "process",
        lambda it: it["securityContext"].update(seccompProfile={"type": "Unconfined"}),
        "not privileged",
    ),
    "capability": (
        "network",
        lambda it: it["securityContext"]["capabilities"]["add"].append("SYS_ADMIN"),
        "no other capabilities",
    ),
    "another": (
        "network",
        lambda it: it["securityContext"].update(capabilities={"add": ["SYS_PTRACE"], "drop": ["ALL"]}),
        "no other capabilities",
    ),
    "default": ("process", lambda it: it["securityContext"].pop("capabilities"), "no other capabilities"),
    "network-beside": ("network", lambda it: it.update(targetContainerName="app"), "no other capabilities"),
    "no-context": ("network", lambda it: it.pop("securityContext"), "gameday-agents"),
}
"""What an agent is not to be -> of which mode, how it is made so, and what is said to it."""


def _spec(job: Job) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def _first(job: Job) -> dict[str, Any]:
    container: dict[str, Any] = _spec(job)["containers"][0]
    return container


JOBS: Mapping[str, tuple[str, Change, str]] = {
    "image": ("janitor", lambda it: _first(it).update(image="busybox"), "no other image than"),
    "account": ("janitor", lambda it: _spec(it).update(serviceAccountName="default"), "as the service account"),
    "load-account": (
        "load",
        lambda it: _spec(it).update(serviceAccountName="gameday-janitor"),
        "as the service account",
    ),
    "load-token": ("load", lambda it: _spec(it).pop("automountServiceAccountToken"), "as the service account"),
    "load-image-as-janitor": ("janitor", lambda it: _first(it).update(image=LOAD.name), "as the service account"),
    "program": ("janitor", lambda it: _first(it).update(command=["python", "-c", "0"]), "no other program"),
    "elsewhere": (
        "janitor",
        lambda it: _first(it)["command"].__setitem__(4, "/api/v1/namespaces/kube-system/secrets/x"),
        "no other program",
    ),
    "start": (
        "load",
        lambda it: _first(it).update(lifecycle={"postStart": {"exec": {"command": ["x"]}}}),
        "no other program",
    ),
    "probe": ("janitor", lambda it: _first(it).update(startupProbe={"exec": {"command": ["x"]}}), "no other program"),
    "beside": (
        "load",
        lambda it: _spec(it)["containers"].append({"name": "more", "image": SHOP.name}),
        "no other program",
    ),
    "secret": ("load", lambda it: _first(it)["env"].append(SECRET | {"name": "GAMEDAY_X"}), "no Secret"),
    "volume": (
        "load",
        lambda it: _spec(it)["volumes"].append({"name": "s", "secret": {"secretName": "other"}}),
        "no Secret",
    ),
    "node": ("load", lambda it: _spec(it).update(hostNetwork=True), "are confined"),
    "root": ("janitor", lambda it: _spec(it)["securityContext"].pop("runAsNonRoot"), "are confined"),
    "capability": (
        "janitor",
        lambda it: _first(it).update(securityContext={"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}}),
        "are confined",
    ),
}
"""The same of its Jobs."""


def attach(api: Api, site: Site, mode: str, change: Change) -> None:
    """Try to attach an agent as gameday does, changed; nothing is attached."""
    (pod,) = pods_of(api, site, "front")
    agent = deepcopy(declared(pod, site.part("front"), mode, run="r", key="0" * 64))
    change(agent)
    body = {"spec": {"ephemeralContainers": [agent]}}
    how = {"_content_type": "application/strategic-merge-patch+json", "dry_run": "All"}
    with api.translated("attaching"):
        api.core.patch_namespaced_pod_ephemeralcontainers(pod.name, site.namespace, body, **how)


def create(api: Api, site: Site, what: str, change: Change) -> None:
    """Try to create a Job as gameday does, changed; nothing is created."""
    job = deepcopy(janitor.sample(site) if what == "janitor" else loadjobs.samples(site, 2)[what == "worker"])
    change(job)
    with api.translated("creating"):
        api.batch.create_namespaced_job(site.namespace, job, dry_run="All")


def patch(api: Api, site: Site, what: str, body: object) -> None:
    """Try to change a workload or a pod; nothing is changed."""
    (pod,) = pods_of(api, site, "front")
    call = api.apps.patch_namespaced_deployment if what == "deployment" else api.core.patch_namespaced_pod
    with api.translated("changing"):
        call("front" if what == "deployment" else pod.name, site.namespace, body, _content_type=MERGE, dry_run="All")


def refusal(attempt: Callable[[], None]) -> str:
    """Return why something is refused; empty where it is not."""
    try:
        attempt()
    except TargetError as error:
        return str(error)
    return ""


def test_the_policy_lets_everything_of_gameday_through_and_nothing_else(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rights of its account, which would allow all of it: another image, another capability, another account, another program."""
    place.grant("role", "account", "janitor", "policy")
    site = site_of(load_system("mine", (place.folder / "experiments" / "systems",)), run="policy")
    monkeypatch.setenv("KUBECONFIG", str(place.account()))
    open_api.cache_clear()
    api = open_api(CONTEXT)
    attempts = {
        **{
            f"agent {name}": (partial(attach, api, site, mode, change), text)
            for name, (mode, change, text) in AGENTS.items()
        },
        **{
            f"job {name}": (partial(create, api, site, what, change), text)
            for name, (what, change, text) in JOBS.items()
        },
        "template": (
            partial(patch, api, site, "deployment", {"spec": {"template": {"spec": {"serviceAccountName": "other"}}}}),
            "not what a pod runs",
        ),
        "label": (partial(patch, api, site, "deployment", {"metadata": {"labels": {"a": "b"}}}), "no labels"),
        "pod": (partial(patch, api, site, "pod", {"spec": {"activeDeadlineSeconds": 1}}), "nothing of their spec"),
        "pod label": (partial(patch, api, site, "pod", {"metadata": {"labels": {"app": "x"}}}), "no labels"),
    }
    for name in ("agent image", "job image", "template", "pod"):  # a policy is in force when the API server has seen it
        attempt, text = attempts[name]
        wait_until(lambda: text in refusal(attempt), within_s=IN_FORCE_S, what=text)  # noqa: B023 - it is called at once
    reasons = {name: (text, refusal(attempt)) for name, (attempt, text) in attempts.items()}
    assert {name: reason for name, (text, reason) in reasons.items() if text not in reason} == {}
    admitted = (
        *(partial(attach, api, site, mode, bool) for mode in ("network", "process")),
        *(partial(create, api, site, what, bool) for what in ("janitor", "load", "worker")),
        partial(patch, api, site, "deployment", {"spec": {"replicas": 2}, "metadata": {"annotations": {"a": "b"}}}),
        partial(patch, api, site, "pod", {"metadata": {"annotations": {"a": "b"}}}),
    )
    assert [refusal(attempt) for attempt in admitted] == [""] * len(admitted)


def test_the_network_policy_is_taken_for_the_address_of_the_api_server(place: Place) -> None:
    """As its EndpointSlice tells it; the pods of the namespace are left alone otherwise."""
    where = "jsonpath={.items[0].endpoints[0].addresses[0]}"
    query = ("--namespace", "default", "--selector", "kubernetes.io/service-name=kubernetes", "--output", where)
    address = kubectl(place.stands, "get", "endpointslices", *query).strip()
    place.grant("network-policy", "--api-server", address)
    spec = json.loads(place.kubectl("get", "networkpolicy", "gameday-agents", "--output", "json"))["spec"]
    assert spec["ingress"][0]["from"] == [{"ipBlock": {"cidr": f"{address}/32"}}]
    assert (spec["podSelector"], spec["policyTypes"]) == ({}, ["Ingress"])
