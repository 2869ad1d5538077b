"""What PostgreSQL alone can do with the same rows: the bound of any Python above it."""
