# `make demo` measures a sample study, `make test` runs every test, `make bench` the benchmarks.
# `make robust` tries more than 2,000 damaged files and answers; `make test` tries some hundred of them.
# `make quick` writes the generated documents again and says in half a minute whether a new measurement or landmark is
# whole.
# Each makes its own environment in .venv first; the second time that takes no time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT := out/demo
QUICK := static anatomy measuring export/test_codes.py present/test_tables.py

.PHONY: demo quick test robust bench check format clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.10 to 3.13 is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  --editable '.[standalone,test]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/ifimeasure demo --output $(OUT) --force

quick: $(STAMP)
	$(BIN)/python Docs/generate.py
	$(BIN)/python -m pytest -q -n 2 --maxfail 3 --tb short -k "not accuracy" $(addprefix Testing/Python/,$(QUICK))

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

robust: $(STAMP)
	IFIMEASURE_ROBUST=5 $(BIN)/python -m pytest -q -s Testing/Python/robust

bench: $(STAMP)
	$(BIN)/python Testing/Benchmarks/bench.py

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) out build dist
