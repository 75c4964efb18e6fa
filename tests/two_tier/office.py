"""The parcel office in namespaces of a cluster: built, deployed, described in a system file, and gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
CONTEXT, CLUSTER = "kind-gameday", "gameday"
IMAGE = "parcel-office:test"
TARIFF = "tariff-calculation-for-the-regional-parcel-sorting-hub"
"""A Deployment of 54 characters, whose pods' names are cut by Kubernetes."""
WORKLOADS = (
    "statefulset/shelf",
    "statefulset/shelf-spare",
    f"deployment/{TARIFF}",
    *(f"deployment/{name}" for name in ("desk", "tariff-spare", "desk-spare", "desk-abroad")),
)
COMMAND_S = 150.0


def call(*words: str, environment: Mapping[str, str], given: str | None = None) -> str:
    """Run a program and return what it printed."""
    ended = subprocess.run(
        words, env=dict(environment), input=given, capture_output=True, text=True, check=False, timeout=COMMAND_S
    )
    assert ended.returncode == 0, f"{' '.join(words)}: exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def build(environment: Mapping[str, str]) -> None:
    """Build the image and load it into every node."""
    call("docker", "build", "--quiet", "--tag", IMAGE, str(HERE / "image"), environment=environment)
    call("kind", "load", "docker-image", IMAGE, "redis:8", "--name", CLUSTER, environment=environment)


@dataclass(frozen=True)
class Office:
    """
    One parcel office.

    Attributes:
        namespace: Where it stands.
        environment: For kubectl and gameday.
    """

    namespace: str
    environment: Mapping[str, str]

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """Run kubectl in its namespace and return what it printed."""
        return call(*self.words(*words), environment=self.environment, given=given)

    def words(self, *words: str) -> tuple[str, ...]:
        """Return the words of such a command."""
        return ("kubectl", "--context", CONTEXT, "--namespace", self.namespace, *words)

    def get(self, *words: str) -> dict[str, Any]:
        """Return an object, or a list of them, as it is now."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "--output", "json"))
        return found

    def open(self) -> None:
        """Deploy it, with the accounts for those who undo, and wait until all of it is ready."""
        self.kubectl("create", "namespace", self.namespace)
        rights = (sys.executable, "-m", "gameday.cli", "manifests", self.namespace, "janitor", "node-role")
        self.kubectl("apply", "--filename", "-", given=call(*rights, environment=self.environment))
        self.kubectl("apply", "--filename", str(HERE / "services.yaml"))
        text = Template((HERE / "workloads.yaml").read_text(encoding="utf-8"))
        self.kubectl(
            "apply",
            "--filename",
            "-",
            given=text.substitute(image=IMAGE, namespace=self.namespace, abroad=self.entrance("tariff-abroad")),
        )
        self.wait()
        shelf = (f"price:{n} {100 + n}" for n in range(50))
        self.kubectl("exec", "shelf-spare-0", "--", "redis-cli", "mset", *" ".join(shelf).split())

    def wait(self) -> None:
        """Wait until all of it is ready."""
        for workload in WORKLOADS:
            self.kubectl("rollout", "status", workload, "--timeout=120s")

    def close(self) -> None:
        """Remove it, without waiting for its end."""
        self.kubectl("delete", "clusterrolebinding", f"gameday-nodes-{self.namespace}", "--ignore-not-found")
        self.kubectl("delete", "namespace", self.namespace, "--wait=false", "--ignore-not-found")

    def entrance(self, service: str) -> str:
        """Return host and port at which this machine, and any pod, reaches a Service through the control plane."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        asked = ("docker", "inspect", "--format", template, f"{CLUSTER}-control-plane")
        host = call(*asked, environment=self.environment).strip()
        (port,) = (each for each in self.get("service", service)["spec"]["ports"] if each["name"] == "http")
        return f"{host}:{port['nodePort']}"

    def write(self, folder: Path, experiment: str, told: Mapping[str, str]) -> Path:
        """Write an experiment and its system file, with what is told wrongly, and return the experiment's path."""
        entrance = self.entrance(told.get("entrance", "desk"))
        values = {
            "context": CONTEXT,
            "namespace": self.namespace,
            "url": f"http://{entrance}",
            "desk": "desk",
            "tariff": TARIFF,
            "tariff_port": "9898",
            "shelf": "shelf",
            "cores": "0.5",
            **told,
        }
        path = folder / "experiments" / f"{experiment}.yaml"
        for source, target in (
            (HERE / "system.yaml", folder / "experiments" / "systems" / "parcels.yaml"),
            (HERE / "experiments" / path.name, path),
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(Template(source.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
        return path
