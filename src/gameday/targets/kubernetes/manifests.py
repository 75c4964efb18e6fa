"""The shop's manifests, as they ship, and what a system file changes of them: the namespace, the NodePorts, how long a query takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from gameday.demo.settings import SETTINGS
from gameday.demo.toggles import SPREAD
from gameday.experiment.model import KindTarget, System
from gameday.targets.kubernetes.image import LOAD, SHOP
from gameday.targets.kubernetes.objects import Object
from gameday.targets.kubernetes.rights import EVERYTHING, Grant

_FOLDER = Path(__file__).parent / "manifests"
_POLICY, _BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
_ROLES = {"Role", "ClusterRole"}
_CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", _POLICY, _BINDING}
_ORDER = ("ServiceAccount", "ConfigMap", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Service")
"""Of these first, so that pods find what they need; the others follow in the order of their names."""
_NODE_PORTS = range(30_000, 32_768)
"""What a Service may ask for, unless the API server was told otherwise."""
VARIANT = "shop-variant"
"""The ConfigMap that tells a pod of web which mechanisms to begin with."""
MADE_OF = "gameday.dev/image"


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What the manifests are rendered for.

    Attributes:
        namespace: Where everything goes.
        node_ports: Service -> its port on every node; other services are seen within the cluster only.
        query_s: How long the product query takes.
        made_of: The hash of what the image was made of; a new one makes new pods.
        toggles: Mechanisms that new pods begin with; all when empty.
    """

    namespace: str
    node_ports: Mapping[str, int]
    query_s: float
    made_of: str
    toggles: Mapping[str, bool]


def wanted(system: System, kind: KindTarget, *, made_of: str, toggles: Mapping[str, bool]) -> Wanted:
    """Return what a system file asks for."""
    origin = system.origins.get("database")
    return Wanted(kind.namespace, node_ports(system, kind), origin.query_s if origin else 0.5, made_of, toggles)


def node_ports(system: System, kind: KindTarget) -> dict[str, int]:
    """Return the NodePort of each service at which routes enter, where the port of its address can be one; no port twice."""
    ports: dict[str, int] = {}
    for service in system.entries():
        port = urlsplit(kind.url_of(service) or "").port
        if port is not None and port in _NODE_PORTS and port not in ports.values():
            ports[service] = port
    return ports


def render(asked: Wanted) -> tuple[Object, ...]:
    """Return every object, in the order in which they are to be made."""
    return tuple(sorted((_render(each, asked) for each in shipped()), key=_rank))


NETWORK_POLICY = "network-policy"
ACCOUNTS = ("account", "role", "janitor", "node-role", "policy", NETWORK_POLICY)
"""The manifests of accounts and their rights, which any system needs; the others are the shop's."""


def accounts(namespace: str, names: Sequence[str], grant: Grant = EVERYTHING, *, api_server: str = "") -> str:
    """
    Return manifests of ``ACCOUNTS`` for a namespace as one YAML text, which ``kubectl apply`` takes from anywhere.

    Of the network policy ``api_server`` is from where that reaches pods, in CIDR notation.
    """
    asked = Wanted(namespace, {}, 0.0, "", {})
    objects = [_render(each, asked) for name in names for each in shipped(name, grant)]
    if grant.nodes:
        _keep_apart(objects, namespace)
    for each in objects:
        if each["kind"] == "NetworkPolicy":
            each["spec"]["ingress"][0]["from"] = [{"ipBlock": {"cidr": api_server}}]
    return yaml.safe_dump_all(objects, sort_keys=False, width=120)


def apply_command(context: str, namespace: str, *names: str, uses: Sequence[str] = ()) -> str:
    """Return the command that gives accounts their rights in a namespace, those of some of ``rights.USES`` alone or all."""
    only = f" --for {','.join(uses)}" if uses else ""
    return f"gameday manifests {namespace} {' '.join(names)}{only} | kubectl --context {context} apply --filename -"


def shipped(name: str = "*", grant: Grant = EVERYTHING) -> Iterator[Object]:
    """Yield the objects of one of the files that ship, or of all but the policies, which nothing needs; Roles with the rules of a grant."""
    for path in sorted(_FOLDER.glob(f"{name}.yaml")):
        if name == "*" and path.stem in {"policy", NETWORK_POLICY}:
            continue
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if each["kind"] in _ROLES:
                each["rules"] = grant.rules(each["metadata"]["name"])
            binding = _binding(each) if each["kind"] == _POLICY else None  # whoever takes the policy may rename it
            yield each
            if binding is not None:
                yield binding


def _binding(policy: Object) -> Object:
    """Return what puts a policy in force, wherever the accounts act that it names."""
    name = policy["metadata"]["name"]
    spec = {"policyName": name, "validationActions": ["Deny"]}
    return {"apiVersion": policy["apiVersion"], "kind": _BINDING, "metadata": {"name": name}, "spec": spec}


def _keep_apart(objects: Sequence[Object], namespace: str) -> None:
    """Give a ClusterRole that names nodes a name of its namespace's own: others share the one that names none."""
    for each in objects:
        role = {"ClusterRole": each["metadata"], "ClusterRoleBinding": each.get("roleRef")}.get(each["kind"])
        if role is not None:
            role["name"] = f"{role['name']}-{namespace}"


def _rank(each: Object) -> tuple[int, str, str]:
    kind = each["kind"]
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER), each["metadata"]["name"], kind)


def _render(each: Object, asked: Wanted) -> Object:
    kind, metadata = each["kind"], each["metadata"]
    if kind not in _CLUSTER_WIDE:
        metadata["namespace"] = asked.namespace
    if kind in {"ClusterRoleBinding", _POLICY, _BINDING}:
        metadata["name"] = f"{metadata['name']}-{asked.namespace}"
    if kind == _BINDING:
        each["spec"]["policyName"] = metadata["name"]
    if kind == _POLICY:
        each["spec"] = _of_here(each["spec"], asked.namespace)
    for subject in each.get("subjects", ()):
        subject["namespace"] = asked.namespace
    if kind == "Service":
        _expose(each, asked.node_ports.get(metadata["name"]))
    if kind == "Deployment":
        _deployment(each, asked)
    if metadata["name"] == VARIANT:
        each["data"]["toggles"] = json.dumps(dict(asked.toggles), sort_keys=True) if asked.toggles else ""
    return each


def _of_here(spec: Object, namespace: str) -> Object:
    """Put a namespace and the images that gameday uses into a policy's expressions and messages."""
    text = json.dumps(spec)
    for word, value in (("NAMESPACE", namespace), ("SHOP_IMAGE", SHOP.name), ("LOAD_IMAGE", LOAD.name)):
        text = text.replace(word, value)
    return dict(json.loads(text))


def _expose(service: Object, node_port: int | None) -> None:
    (port,) = service["spec"]["ports"]
    port.pop("nodePort", None)
    service["spec"]["type"] = "ClusterIP" if node_port is None else "NodePort"
    if node_port is not None:
        port["nodePort"] = node_port


def _deployment(each: Object, asked: Wanted) -> None:
    spec = each["spec"]
    if spec["replicas"] > 1 and not asked.toggles.get(SPREAD, True):
        spec["replicas"] = 1
    template = spec["template"]
    for container in template["spec"]["containers"]:
        if container["image"] != SHOP.name:
            continue
        template["metadata"]["annotations"] = {MADE_OF: asked.made_of}
        for variable in container["env"]:
            if variable["name"] == SETTINGS:
                settings = {**json.loads(variable["value"]), "query_s": asked.query_s}
                variable["value"] = json.dumps(settings)
