"""Benchmarks: accuracy against known truth, and speed as ratios against what people would use instead.

    python Testing/Benchmarks/bench.py [--only phantom,muscle] [--cases 50] [--processes 2]

Every figure is measured in this run. Limits stand beside the figures; the exit code is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import resource
import sys

from bench_accuracy import bodyparts, grids, methods, phantom
from bench_module import live
from bench_muscle import atrophy, muscle, numbers
from bench_places import places
from bench_report import MISSED, Options
from bench_speed import collect, export, memory, speed
from bench_startup import imports

SECTIONS = {
    section.__name__: section
    for section in (
        phantom,
        methods,
        bodyparts,
        grids,
        places,
        speed,
        memory,
        imports,
        live,
        muscle,
        atrophy,
        numbers,
        collect,
        export,
    )
}


def main() -> int:
    """Run the benchmarks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections to run: %(default)s")
    parser.add_argument("--cases", type=int, default=50, help="random cases (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="that measure cases at a time (%(default)s)")
    asked = parser.parse_args()
    for name in asked.only.split(","):
        SECTIONS[name](Options(asked.cases, asked.processes))
        print()
    print(f"peak memory of this run: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print("every limit held" if not MISSED else f"missed: {', '.join(MISSED)}")
    return 1 if MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
