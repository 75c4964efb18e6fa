"""A plain Chaos Toolkit experiment: run by Chaos Toolkit in a worker of its own, its rollbacks always played, every activity on record."""
