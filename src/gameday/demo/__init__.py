"""The shop: the embedded demo system, a few small real services."""
