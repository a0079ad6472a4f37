# Two commands for a new user: make demo, make test. Both create .venv if it is not there.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test lint bench bench-engine bench-datasets bench-quality bench-tables clean

demo: $(STAMP)
	$(BIN)/goodfit train digits
	@echo "All built-in data: $(BIN)/goodfit data"

# Two processes of one thread each take half the time of one with two; what depends on threads is run again with all of them.
# SCIPY_ARRAY_API: scikit-learn skips two of its estimator checks without it
test: lint
	OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 $(BIN)/python -m pytest -n auto --dist worksteal
	$(BIN)/python -m pytest tests/population/test_workers.py tests/population/test_grouping.py \
		tests/population/test_oracle.py tests/training/test_planner.py

lint: $(STAMP)
	$(BIN)/ruff check src tests examples benchmarks
	$(BIN)/ruff format --check src tests examples benchmarks
	$(BIN)/mypy

# torch first and pinned: without the constraints pip fetches gigabytes for GPUs that may not be there
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

bench: bench-engine bench-datasets bench-quality

# the population engine beside other ways to train many networks; about 20 minutes
bench-engine: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/engine

# goodfit train on several data sets; about 20 minutes
bench-datasets: $(STAMP)
	$(BIN)/python benchmarks/datasets.py

# goodfit train beside other models of tables, on several splits; two or three hours
PUBLISHED := $(BIN)/python benchmarks/quality --data california-housing/published --splits 1 --append
bench-quality: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[quality]'
	$(BIN)/python benchmarks/quality
	$(PUBLISHED)
	$(PUBLISHED) --preset best --minutes 60

# ideas for networks of tables against the same base, on many data sets; an hour or more
bench-tables: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[tables]'
	$(BIN)/python benchmarks/tables

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
