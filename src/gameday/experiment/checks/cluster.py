"""What the system file says of a cluster fits itself: Deployments, addresses, and what only one of the targets can do."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.experiment.checks.subject import Complaint, in_system, unknown
from gameday.experiment.flaws import Flaw, KeyPath, one_of
from gameday.experiment.model import KindTarget, System


def check(system: System) -> Iterator[Complaint]:
    """Check what is read only where the system runs in a cluster; nothing where it does not."""
    kind = system.targets.kind
    if kind is None:
        return
    yield from _deployments(system)
    yield from _addresses(system, kind)
    yield from _password(system)
    if system.variants and kind.demo is None:
        path: KeyPath = ("targets", "kind")
        message = "nothing in the cluster can be switched to the variants of the system"
        flaw = Flaw(path, message, "no demo", "demo: shop, or a system without variants", of_key=True)
        yield Complaint("system", flaw, (in_system("variants"), in_system("targets", "kind", "demo")))


def _deployments(system: System) -> Iterator[Complaint]:
    """Each service has a Deployment of its own: a fault on one would be one on the other."""
    owners: dict[str, str] = {}
    for name in system.services:
        deployment = system.deployment(name)
        first = owners.setdefault(deployment, name)
        if first == name:
            continue
        path: KeyPath = ("services", name, "deployment") if system.services[name].deployment else ("services", name)
        message = f"the Deployment {deployment} is that of {first} already"
        rests = (in_system("services", first, "deployment"), in_system("services", name, "deployment"))
        flaw = Flaw(path, message, deployment, "a Deployment for each service", of_key=len(path) == 2)
        yield Complaint("system", flaw, rests)


def _addresses(system: System, kind: KindTarget) -> Iterator[Complaint]:
    """Requests from outside must find every service at which routes enter."""
    if isinstance(kind.url, str):
        return
    path: KeyPath = ("targets", "kind", "url")
    rests = (in_system("routes"), in_system("services"))
    for name in kind.url:
        if name not in system.services:
            yield unknown("system", (*path, name), "service", name, system.entries(), of_key=True)
    missing = [name for name in system.entries() if name in system.services and name not in kind.url]
    if missing:
        message = f"it does not say where requests enter at {one_of(missing)}"
        flaw = Flaw(path, message, one_of(kind.url), f"also {one_of(f'{each}: URL' for each in missing)}", of_key=True)
        yield Complaint("system", flaw, rests)


def _password(system: System) -> Iterator[Complaint]:
    """Only stores are asked with a password."""
    for name, service in system.services.items():
        if service.password and service.kind == "http":
            path: KeyPath = ("services", name, "password")
            flaw = Flaw(path, f"{name} is no store", "http", "a service of kind redis or postgres", of_key=True)
            yield Complaint("system", flaw, (in_system("services", name, "kind"),))
