"""What a locustfile imports from beside itself."""

PRODUCTS = range(1, 21)
