"""``gameday schema``: the JSON Schema of a kind of file."""

from __future__ import annotations

import sys
from argparse import Namespace

from gameday.cli.exits import Exit
from gameday.experiment.schema import experiment_schema, system_schema, to_text
from gameday.faults import catalogue


def run(args: Namespace) -> int:
    """Print the schema."""
    schema = system_schema() if args.kind == "system" else experiment_schema(catalogue())
    sys.stdout.write(to_text(schema))
    return Exit.PASSED
