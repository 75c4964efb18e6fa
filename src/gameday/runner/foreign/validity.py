"""Ask Chaos Toolkit whether it accepts a plain experiment, without running it; provider modules are imported, as by ``chaos validate``."""

from __future__ import annotations

import logging
import sys
from copy import deepcopy

from gameday.experiment.loading.foreign import Foreign
from gameday.record.scrubbing import Scrubber
from gameday.runner.foreign.proofs import see_valid, with_proofs


def refusal(foreign: Foreign) -> str | None:
    """Return why Chaos Toolkit does not accept it, without secrets; None when it does."""
    folder = str(foreign.path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    for name in ("chaostoolkit", "chaostoolkit-lib", "logzero_default"):
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    try:
        see_valid(with_proofs(deepcopy(dict(foreign.value))))
    except Exception as error:  # noqa: BLE001 - it raises TypeError and others for some shapes
        return Scrubber(foreign.secrets()).text(str(error) or repr(error))
    return None
