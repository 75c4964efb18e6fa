"""Pure judgement of a run: windows, gates, checks, verdict."""
