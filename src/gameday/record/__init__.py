"""What a run's folder holds: history, request rows, metrics; one writer each, readers for all."""
