"""Compliance's reads, one module a subject."""
