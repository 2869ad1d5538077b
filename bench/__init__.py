"""The benchmarks: the whole platform with real servers on this machine, measured from outside."""
