"""`make run` and `make demo`: the whole platform on one machine, watched and, for the demo, judged."""
