"""Which nodes get an image: every one that may run a pod of it, and no other."""

from __future__ import annotations

import pytest
from kubernetes.client import V1Node, V1NodeSpec, V1ObjectMeta, V1Taint

from gameday.targets.kubernetes.janitor import CONTROL_PLANE, TOLERATIONS, sample
from gameday.targets.kubernetes.site import Part, Site
from gameday.targets.kubernetes.standing import nodes_for

CORDONED = V1Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
RESERVED = V1Taint(key=CONTROL_PLANE, effect="NoSchedule")
OTHERS = V1Taint(key="example.com/gpu", effect="NoExecute")
AVOIDED = V1Taint(key="example.com/old", effect="PreferNoSchedule")


@pytest.mark.parametrize(
    ("taints", "ours", "janitors"),
    [
        ([], True, True),
        ([RESERVED], False, True),
        ([CORDONED], True, True),
        ([RESERVED, CORDONED], False, True),
        ([AVOIDED], True, True),
        ([OTHERS], False, False),
    ],
)
def test_a_node_gets_the_images_of_the_pods_that_its_taints_let_in(
    taints: list[V1Taint], *, ours: bool, janitors: bool
) -> None:
    """A cordon passes; the control plane takes a janitor where nothing else is left."""
    node = V1Node(metadata=V1ObjectMeta(name="one"), spec=V1NodeSpec(taints=taints or None))
    assert nodes_for([node], ()) == ({"one"} if ours else set())
    assert nodes_for([node], TOLERATIONS) == ({"one"} if janitors else set())


def test_a_janitor_tolerates_what_its_image_is_loaded_for_and_prefers_workers() -> None:
    """So that it starts where it is put, and leaves the control plane alone while there is a worker."""
    part = Part(name="web", workload="web", kind="http", port=8080)
    spec = sample(Site("kind-gameday", "shop", "run-1", {"web": part}, (), {}))["spec"]["template"]["spec"]
    assert spec["tolerations"] == list(TOLERATIONS)
    (preferred,) = spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["preference"] == {"matchExpressions": [{"key": CONTROL_PLANE, "operator": "DoesNotExist"}]}
