"""The command line: the only place that prints; each command is a short pipeline that ends in an exit code."""
