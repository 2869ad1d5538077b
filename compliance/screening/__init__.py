"""Reads what screening needs: the live policy, the indexed watchlists, and the facts of many
payouts at once."""
