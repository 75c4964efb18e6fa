"""The local target: real processes under one node process."""
