"""`make run` and `make demo`: the whole platform on one machine, watched or judged."""
