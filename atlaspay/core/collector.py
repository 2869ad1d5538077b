"""How often a long-lived process looks for cycles of dead objects.

CPython's default looks at the youngest objects after 700 of them and, sooner or later, at all there
are: the loaded application, the watchlists. A chunk makes tens of thousands of rows that die by
their reference counts, so nearly every such look finds nothing.
"""

import gc

# Objects that were made and not yet freed; how many young looks make a middle one, how many of
# those a full one.
THRESHOLD = (50_000, 20, 20)


def calm() -> None:
    """Leave what is loaded out of every later look, and look seldom. Once a process, when it has
    loaded and before it works."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
