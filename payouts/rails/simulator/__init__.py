"""The sandbox bank: a stand-in for a real bank, run as its own HTTP process.

It imports nothing of AtlasPay and no Django: it is the other side of the wire, and only what
crosses the wire may connect the two. See docs/sandbox-bank.md for its accounts and faults.
"""
