"""Readers of published watchlists: files in, listed parties out. Knows no Django and no database.

A reader streams: it never holds a whole list. What it cannot read it adds to `Problems`; nothing of
a file with a problem is ever used.
"""
