"""The sandbox bank's adapter: its API is in docs/sandbox-bank.md."""
