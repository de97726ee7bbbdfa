"""How long it takes until the library and the command line are there."""

from __future__ import annotations

import subprocess
import sys

from bench_report import Options, line, timed


def imports(options: Options) -> None:
    """Time that loading the library and starting the command line take."""
    print("Loading the library, and after vtk, numpy, SimpleITK what it adds to them")
    whole_library = "import IFIMeasureLib, IFIMeasureLib.study.prepared, IFIMeasureLib.present.tables"
    python = [sys.executable]
    line("python -c 'import IFIMeasureLib', whole process", _process([*python, "-c", "import IFIMeasureLib"]), "s", 0.1)
    line("ifimeasure --help, whole process", _process([*python, "-m", "IFIMeasureLib.cli", "--help"]), "s", 0.3)
    line("IFIMeasureLib with all that measures", _after_packages(whole_library), "s", 0.3)


def _process(call: list[str]) -> float:
    return timed(lambda: subprocess.run(call, capture_output=True, check=True), 9)


def _after_packages(statement: str) -> float:
    """Seconds that a statement takes after the packages are loaded; the shortest of five."""
    code = (
        "import time, vtk, numpy, SimpleITK\n"
        "start = time.perf_counter()\n"
        f"{statement}\n"
        "print(time.perf_counter() - start)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    return min(float(run.stdout) for run in runs)
