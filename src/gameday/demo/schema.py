"""The shop's tables and queries."""

from __future__ import annotations

import hashlib

DATABASE = "postgres"
OWNER_ROLE = "shop"
WEB_ROLE = "web"
PRODUCT_TABLE = "product"
PRODUCTS = 10_000

_SALT = "shop"
_USERS = (("alice", "wonderland"), ("bob", "builder"))


def digest(password: str) -> str:
    """Digest a password as the account table holds it; the cost of a real one is emulated where it is checked."""
    return hashlib.sha256(f"{_SALT}/{password}".encode()).hexdigest()


def statements(web_password: str) -> tuple[str, ...]:
    """
    Return what creates the tables, their rows and the role of web, in order.

    No table refers to ``product``: every scan of it is a query for a product, so the database can be asked how many there were.
    """
    users = ", ".join(f"('{user}', '{digest(password)}')" for user, password in _USERS)
    return (
        "CREATE TABLE product (id integer PRIMARY KEY, name text NOT NULL, price_cents integer NOT NULL)",
        f"INSERT INTO product {_PRODUCTS_QUERY}",
        "CREATE TABLE account (id serial PRIMARY KEY, name text UNIQUE NOT NULL, digest text NOT NULL)",
        f"INSERT INTO account (name, digest) VALUES {users}",  # noqa: S608 - constants of this file
        _PURCHASE_TABLE,
        f"CREATE ROLE {WEB_ROLE} LOGIN PASSWORD '{web_password}'",
        f"GRANT SELECT ON product, account TO {WEB_ROLE}",
        f"GRANT INSERT, SELECT ON purchase TO {WEB_ROLE}",
        "ANALYZE",
        "SELECT pg_stat_force_next_flush()",  # the scan that built product's index is no query for a product
    )


_PRODUCTS_QUERY = f"SELECT id, 'Product ' || id, 100 + id * 7919 % 9900 FROM generate_series(1, {PRODUCTS}) AS id"  # noqa: S608 - same
_PURCHASE_TABLE = """
CREATE TABLE purchase (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product integer NOT NULL,
    quantity integer NOT NULL,
    payment text NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
)
"""

PRODUCT_QUERY = "SELECT id, name, price_cents, pg_sleep($2), pg_stat_force_next_flush() FROM product WHERE id = $1"
"""A product, after the time that the query takes; its scan is published at once, not up to ten seconds later."""

WARM_QUERY = "SELECT id, name, price_cents, pg_stat_force_next_flush() FROM product WHERE id BETWEEN 1 AND $1"
ACCOUNT_QUERY = "SELECT id, digest FROM account WHERE name = $1"
PURCHASE_QUERY = "INSERT INTO purchase (product, quantity, payment) VALUES ($1, $2, $3) RETURNING id"

COUNTS_QUERY = """
SELECT coalesce(idx_scan, 0) + coalesce(seq_scan, 0),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int
FROM pg_stat_user_tables WHERE relname = $1
"""
"""Scans of a table since its statistics began, the connections of clients, and how many there may be."""
