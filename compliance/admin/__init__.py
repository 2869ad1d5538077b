"""Compliance's part of the console."""

from compliance.admin import cases, decisions, reference

__all__ = ["cases", "decisions", "reference"]
