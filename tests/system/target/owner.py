"""A process that owns a shop, as the supervisor does: tells where it is and waits for its own end."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import yaml

from gameday.experiment.model import System
from gameday.targets.local.system import LocalSystem

SYSTEM = Path(__file__).parents[3] / "experiments/systems/shop.yaml"


def main(logs: Path) -> None:
    """Own a shop until killed."""
    host = LocalSystem(System.model_validate(yaml.safe_load(SYSTEM.read_text())), logs=logs, progress=lambda _: None)
    host.start()
    print(json.dumps({"node": host.pid, "address": host.address, "uid": os.geteuid()}), flush=True)
    signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
