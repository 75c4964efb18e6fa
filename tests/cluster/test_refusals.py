"""What a cluster refuses is the reason, first and in every output, before anything is loaded or changed; and the rights that ship arrive."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cluster.fronts import Place
from cluster.standing import CONTEXT, kubectl
from gameday.targets.kubernetes.manifests import Wanted, render
from system.target.running import wait_until

ACCOUNTS = ("role", "account", "janitor", "node-role", "policy")
QUOTA = '{apiVersion: v1, kind: ResourceQuota, metadata: {name: full}, spec: {hard: {pods: "1"}}}'


def policy(namespace: str) -> str:
    """Return a policy that lets no ephemeral container into a namespace, and its binding."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["pods/ephemeralcontainers"],
    }
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    api = "admissionregistration.k8s.io/v1"
    denies = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "nobody looks into our pods"}],
        },
    }
    bound = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": chosen},
        },
    }
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [denies, bound]})


def refused(place: Place, name: str, *, account: Path | None = None) -> str:
    """Run an experiment that is refused; return its reason, which stands first in every output, and see that no load was begun."""
    ended = place.gameday("run", name, "--target", "kind", account=account)
    assert ended.returncode == 3, f"{ended.stdout}\n{ended.stderr}"
    folder = place.folder / "reports" / "latest"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    reason = str(report["reason"])
    assert (report["verdict"], report["decided_by"]) == ("invalid", "gate.complete")
    assert report["gates"][0]["reason"] == reason
    (verdict, first, *_) = ET.parse(folder / "junit.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    assert [case.find("error").get("message") for case in (verdict, first)] == [reason, reason]  # type: ignore[union-attr]
    plain, beginning = " ".join(ended.stdout.split()), reason[1:60]
    assert plain.index(beginning) < plain.index("gate ✗"), "the reason, then what follows from it"
    assert (folder / "report.md").read_text(encoding="utf-8").splitlines()[2][1:20] == beginning[:19]
    assert f'<p class="reason">{reason[0].upper()}{beginning[:10]}' in (folder / "report.html").read_text(
        encoding="utf-8"
    )
    history = [json.loads(line) for path in (folder / "history").iterdir() for line in path.read_text().splitlines()]
    events = {record.get("event") for record in history}
    assert not events & {"load.origin", "fault.intended", "fault.injected"}
    return reason


@pytest.mark.parametrize("name", ["latency", "pause"])
def test_a_policy_of_the_cluster_that_refuses_agents_is_the_reason(place: Place, name: str) -> None:
    """Plan and doctor tell it, too, and change nothing."""
    place.kubectl("apply", "--filename", "-", given=policy(place.namespace))
    told = "nobody looks into our pods"
    for _ in range(40):  # a policy is in force when the API server has seen it
        planned = place.gameday("plan", name, "--target", "kind")
        if planned.returncode == 2 and told in planned.stdout:
            break
    assert planned.returncode == 2
    assert told in planned.stdout.splitlines()[0]
    assert told in place.gameday("doctor", "--target", "kind", "--system", "mine").stdout
    assert told in refused(place, name)
    pods = json.loads(place.kubectl("get", "pods", "--output", "json"))["items"]
    assert not any(pod["spec"].get("ephemeralContainers") for pod in pods)


def test_pod_security_that_refuses_an_agent_is_the_reason_and_others_are_admitted(place: Place) -> None:
    """The network agent needs NET_ADMIN, which restricted forbids; the process agent is as confined as the pod."""
    kubectl(place.stands, "label", "namespace", place.namespace, "pod-security.kubernetes.io/enforce=restricted")
    assert 'violates PodSecurity "restricted:latest"' in refused(place, "latency")
    admitted = place.gameday("plan", "pause", "--target", "kind")
    assert admitted.returncode == 0, admitted.stdout
    assert "admits all of it" in admitted.stdout
    told = place.gameday("doctor", "--target", "kind", "--system", "mine").stdout
    assert "no latency, blackhole and errors there: " in told
    assert "no kill" not in told


def test_a_right_that_the_account_lacks_is_the_reason_with_the_command_that_grants_it(place: Place) -> None:
    """The account that ships, without its right to attach agents."""
    place.grant("role", "account")
    role = json.loads(place.kubectl("get", "role", "gameday", "--output", "json"))
    rules = [each for each in role["rules"] if each["resources"] != ["pods/ephemeralcontainers"]]
    place.kubectl("apply", "--filename", "-", given=json.dumps({**role, "rules": rules}))
    reason = refused(place, "latency", account=place.account())
    assert reason.startswith("this account may not patch pods/ephemeralcontainers, to attach the agents")
    grant = f"gameday manifests {place.namespace} role account --for latency | kubectl --context {CONTEXT} apply --filename -"
    assert grant in reason


def test_a_quota_without_room_for_what_undoes_is_the_reason(place: Place) -> None:
    """Whoever may create pods tries one; the account that ships may not, and sees the Job's own event."""
    place.grant("role", "account", "janitor")
    place.kubectl("apply", "--filename", "-", given=QUOTA)
    place.kubectl("wait", "resourcequota/full", "--for=jsonpath={.status.used.pods}=1", "--timeout=30s")
    assert "exceeded quota: full" in place.gameday("plan", "scale", "--target", "kind").stdout.splitlines()[0]
    for account in (None, place.account()):
        assert "exceeded quota: full" in refused(place, "scale", account=account)
    assert not json.loads(place.kubectl("get", "jobs", "--output", "json"))["items"]


def test_a_drain_whose_janitor_may_not_touch_nodes_is_refused_before_anything_is_cordoned(place: Place) -> None:
    """Else, with the runner killed, the node would stay cordoned: whoever runs it may, and the janitor's account may not."""
    place.grant("role", "account", "janitor", "node-role")
    bound = ("--clusterrole=gameday-nodes", f"--serviceaccount={place.namespace}:gameday")
    kubectl(place.stands, "create", "clusterrolebinding", f"only-nodes-{place.namespace}", *bound)
    kubectl(place.stands, "delete", "clusterrolebinding", f"gameday-nodes-{place.namespace}")
    assert place.may("gameday", "patch", "nodes")
    assert not place.may("gameday-janitor", "patch", "nodes")
    before = kubectl(place.stands, "get", "nodes", "--output", "jsonpath={.items[*].spec.unschedulable}")
    grant = f"gameday manifests {place.namespace} janitor node-role | kubectl --context {CONTEXT} apply --filename -"
    for account in (
        None,
        place.account(),
    ):  # the first may read the other's rights; for the second the Job itself tries
        reason = refused(place, "drain", account=account)
        assert "gameday-janitor" in reason
        assert "nodes" in reason
        assert grant in reason
    assert kubectl(place.stands, "get", "nodes", "--output", "jsonpath={.items[*].spec.unschedulable}") == before


def test_the_manifests_of_accounts_apply_as_documented_and_their_rights_arrive(place: Place) -> None:
    """In a namespace of any name, those on nodes among them."""
    place.grant(*ACCOUNTS)
    for account, verb, resource in (
        ("gameday", "patch", "pods/ephemeralcontainers"),
        ("gameday", "create", "pods/proxy"),
        ("gameday", "create", "leases.coordination.k8s.io"),
        ("gameday", "create", "jobs.batch"),
        ("gameday", "patch", "nodes"),
        ("gameday-janitor", "patch", "deployments.apps"),
        ("gameday-janitor", "patch", "statefulsets.apps"),
        ("gameday-janitor", "patch", "pods"),
        ("gameday-janitor", "create", "events"),
        ("gameday-janitor", "patch", "nodes"),
    ):
        assert place.may(account, verb, resource), f"{account} may not {verb} {resource}"
    assert not place.may("gameday", "get", "secrets")
    assert not place.may("gameday-janitor", "delete", "pods")
    kubectl(place.stands, "delete", "clusterrolebinding", f"gameday-nodes-{place.namespace}")
    place.grant("node-role", "--for", "drain", "--nodes", "one,two")
    for account in ("gameday", "gameday-janitor"):
        asked = ("auth", "can-i", "patch", "--as", f"system:serviceaccount:{place.namespace}:{account}")
        wait_until(lambda: place.kubectl(*asked, "nodes/one", codes=(0, 1)).startswith("yes"), what="the node")  # noqa: B023 - called at once
        assert not place.kubectl(*asked, "nodes/three", codes=(0, 1)).startswith("yes")


def test_everything_that_ships_is_taken_by_the_api_server_for_a_fresh_namespace(place: Place) -> None:
    """Validated there, strictly, as ``up`` would make it; it applies it for good to its own."""
    everything = render(Wanted(place.namespace, {}, 0.5, "", {}))
    assert {each["kind"] for each in everything} >= {"Deployment", "Service", "Role", "ClusterRoleBinding"}
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": everything})
    place.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename", "-", given=given)
