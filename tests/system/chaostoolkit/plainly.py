"""Run an experiment with chaoslib's own ``run_experiment``, as ``chaos run`` does by default, and print its journal as JSON."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from chaoslib import PayloadEncoder
from chaoslib.experiment import ensure_experiment_is_valid, load_experiment, run_experiment
from chaoslib.types import Strategy

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.path.append(str(Path(sys.argv[1]).parent))
    experiment = load_experiment(sys.argv[1])
    ensure_experiment_is_valid(experiment)
    name = experiment.get("runtime", {}).get("hypothesis", {}).get("strategy", "default")
    journal = run_experiment(experiment, settings={}, strategy=Strategy.from_string(name))
    print(json.dumps(journal, cls=PayloadEncoder))
