"""Where the database's data lies: with the cluster's own storage, or, where that makes no volumes, in a folder of one worker."""

from __future__ import annotations

from gameday.targets.kubernetes.api import Api
from gameday.targets.kubernetes.objects import Object
from gameday.targets.protocol import TargetError

FOLDER = "/mnt"
"""It is there on every node, and nothing else is in it."""
CLAIM = "database"
_BY_HAND = "kubernetes.io/no-provisioner"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_ROLE = "gameday.dev/role"


def named(namespace: str) -> Object:
    """Return the volume's manifest as far as it names it."""
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"gameday-{namespace}-database"}}


def volume(api: Api, namespace: str) -> Object | None:
    """Return the volume that must be made for the database's claim; None where the cluster makes volumes itself."""
    with api.translated("listing the storage classes"):
        classes = api.storage.list_storage_class().items
    default = next((each for each in classes if (each.metadata.annotations or {}).get(_DEFAULT) == "true"), None)
    if default is not None and default.provisioner != _BY_HAND:
        return None
    values = [_node(api)]
    chosen = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": values}]}
    return {
        **named(namespace),
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": default.metadata.name if default else "",
            "claimRef": {"namespace": namespace, "name": CLAIM},
            "local": {"path": FOLDER},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [chosen]}},
        },
    }


def node_of(volume: Object) -> str:
    """Return the node on which a volume is."""
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    return str(term["matchExpressions"][0]["values"][0])


def _node(api: Api) -> str:
    """Choose the worker for the stores, else the last node: a control plane comes first by name."""
    with api.translated("listing the nodes"):
        nodes = api.core.list_node().items
    if not nodes:
        raise TargetError("the cluster has no nodes, so there is no place for the database; kubectl get nodes")
    names = sorted(node.metadata.labels["kubernetes.io/hostname"] for node in nodes)
    stores = (node for node in nodes if (node.metadata.labels or {}).get(_ROLE) == "stores")
    return next((str(node.metadata.labels["kubernetes.io/hostname"]) for node in stores), str(names[-1]))
