"""``python -m gameday.cli``: the same as ``gameday``."""

import sys

from gameday.cli.main import main

sys.exit(main())
