"""`python -m payouts.rails.simulator`: the sandbox bank without Django."""

import argparse
import sys

from payouts.rails.simulator.options import add_options, serve_with

parser = argparse.ArgumentParser(prog="payouts.rails.simulator", description=__doc__)
add_options(parser)
if __name__ == "__main__":
    sys.exit(serve_with(parser.parse_args()))
