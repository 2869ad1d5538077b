"""Delivering events: claim, send, record. HTTP happens outside any transaction."""
