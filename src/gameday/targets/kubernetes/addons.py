"""The add-ons of a cluster that gameday made, held to a share of the processors: what they take in bursts, a measurement lacks."""

from __future__ import annotations

from typing import Any

from gameday.targets.kubernetes.api import Api

CPU = "20m"
"""A look at the nodes by kubectl, which some pod networks take every few seconds, costs a tenth of a second: so it takes five, in slices."""

_SPACE = "kube-system"
_SPARED = ("kube-proxy",)
"""It ends the traffic to a pod that was killed, so nothing may hold it back."""


def limit(api: Api) -> None:
    """Give a CPU limit to each container of the add-ons that every node runs, unless it has one; their pods are replaced at once."""
    with api.translated("limiting the add-ons of the cluster"):
        for each in api.apps.list_namespaced_daemon_set(_SPACE).items:
            lacking = _lacking(each)
            if not lacking or each.metadata.name in _SPARED:
                continue
            change = {"spec": {"template": {"spec": {"containers": lacking}}}}
            api.apps.patch_namespaced_daemon_set(
                each.metadata.name, _SPACE, change, _content_type="application/strategic-merge-patch+json"
            )
            labels = ",".join(f"{key}={value}" for key, value in each.spec.selector.match_labels.items())
            api.core.delete_collection_namespaced_pod(_SPACE, label_selector=labels, grace_period_seconds=1)


def _lacking(daemons: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - the library publishes no types
    """Return what those containers lack that have no CPU limit."""
    containers = daemons.spec.template.spec.containers
    free = [each for each in containers if "cpu" not in ((each.resources and each.resources.limits) or {})]
    return [{"name": each.name, "resources": {"limits": {"cpu": CPU}}} for each in free]
