"""The parts of the report; each measures on a running platform and returns JSON values."""
