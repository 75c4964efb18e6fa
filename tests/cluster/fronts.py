"""A namespace with one service and experiments on it, for tests of what a cluster refuses."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.account import write_kubeconfig
from cluster.standing import CONTEXT, Stands, call_gameday, kubectl
from gameday.targets.kubernetes.api import open_api
from gameday.targets.kubernetes.image import SHOP

FAULTS = {
    "latency": "latency: {edge: load -> front, delay: 200ms}",
    "pause": "pause: {service: front}",
    "scale": "scale: {service: front, replicas: 2}",
    "drain": "drain: {service: front}",
}
FRONT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: front}}
spec:
  selector: {{matchLabels: {{app: front}}}}
  template:
    metadata: {{labels: {{app: front}}}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {{runAsNonRoot: true, runAsUser: 10001, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: app
          image: {SHOP.name}
          imagePullPolicy: IfNotPresent
          command: [python, -m, http.server, "8080", -d, /opt/gameday/gameday/agent]
          readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
          resources: {{requests: {{cpu: 10m, memory: 32Mi}}, limits: {{cpu: "1", memory: 64Mi}}}}
          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""
POLICIES = ("agents", "jobs", "workloads", "notes", "cordons")


@dataclass(frozen=True)
class Place:
    """A namespace with one service, and experiments on it; the environment of whoever runs them."""

    stands: Stands
    namespace: str
    folder: Path
    environment: dict[str, str]

    def kubectl(self, *words: str, given: str | None = None, codes: tuple[int, ...] = (0,)) -> str:
        """Run kubectl there."""
        return kubectl(self.stands, "--namespace", self.namespace, *words, given=given, codes=codes)

    def gameday(self, *words: str, account: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run gameday there as a user does."""
        environment = self.environment if account is None else {**self.environment, "KUBECONFIG": str(account)}
        return call_gameday(*words, environment=environment, folder=self.folder)

    def grant(self, *names: str) -> None:
        """Apply the manifests of accounts exactly as the documentation says."""
        printed = self.gameday("manifests", self.namespace, *names)
        assert printed.returncode == 0, printed.stderr
        kubectl(self.stands, "apply", "--validate=strict", "--filename", "-", given=printed.stdout)

    def may(self, account: str, verb: str, resource: str) -> bool:
        """Ask the API server whether an account may do something."""
        whom = f"system:serviceaccount:{self.namespace}:{account}"
        kind, _, part = resource.partition("/")  # kubectl would take what stands behind a slash for a name
        words = ("auth", "can-i", verb, kind, "--subresource", part, "--as", whom)
        return self.kubectl(*words, codes=(0, 1)).startswith("yes")

    def account(self) -> Path:
        """Return a kubeconfig of the account that ships."""
        path = self.folder / "account"
        write_kubeconfig(open_api(CONTEXT), CONTEXT, self.namespace, path)
        return path


def write_experiments(place: Place) -> None:
    """Write the system file and an experiment for each fault."""
    systems = place.folder / "experiments" / "systems"
    systems.mkdir(parents=True)
    (systems / "mine.yaml").write_text(
        f"name: mine\ntargets: {{kind: {{context: {CONTEXT}, namespace: {place.namespace}, url: 'http://127.0.0.1:9'}}}}\n"
        "services: {front: {port: 8080}}\nroutes: {home: {request: GET /, hard: [front]}}\n"
    )
    for name, fault in FAULTS.items():
        (systems.parent / f"{name}.yaml").write_text(
            f"title: {name} of front\ndescription: What a cluster refuses.\nsystem: mine\nload: {{routes: {{home: 20/s}}}}\n"
            "phases: {warmup: 2s, baseline: 12s, fault: 10s, recovery: 10s}\n"
            "steady-state-hypothesis: {title: served, probes: [{route: home, good: '> 90%'}]}\n"
            f"method: [{fault}]\nexpect: {{recovery: {{within: 5s}}}}\n"
        )
