"""Django's PostgreSQL engine for a cluster: ``citus://`` in DATABASE_URL chooses it."""
