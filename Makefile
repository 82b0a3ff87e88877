PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: help demo test test-slow lint bench speed reading gpu quality clean

help:
	@echo 'make demo        gensim beside torch_w2v on a small corpus, about a minute'
	@echo 'make test        the tests; ARGS="-k word" goes to pytest'
	@echo 'make test-slow   the tests, with those that take minutes'
	@echo 'make lint        ruff and mypy'
	@echo 'make bench       speed beside gensim; CORPUS=file.txt, ARGS="--epochs 1 --workers 2"'
	@echo 'make speed       the same for several shapes of work; needs CORPUS=file.txt'
	@echo 'make reading     how fast text is read, and whole runs, beside gensim; needs CORPUS=file.txt'
	@echo 'make gpu         all that is to be measured on a GPU, 9 minutes; needs CORPUS=file.txt'
	@echo 'make quality     quality beside gensim for many shapes, hours; needs CORPUS=file.txt'

demo: $(INSTALLED)
	$(BIN)/torch-w2v demo $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest -m 'not slow' $(ARGS)

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reading: $(INSTALLED)
	$(BIN)/python benchmarks/reading.py '$(CORPUS)' $(ARGS)

speed: $(INSTALLED)
	$(BIN)/python benchmarks/shapes.py '$(CORPUS)' $(ARGS)

gpu: $(INSTALLED)
	$(BIN)/python benchmarks/gpu.py '$(CORPUS)' $(ARGS)

quality: $(INSTALLED)
	$(BIN)/python -m benchmarks.quality '$(CORPUS)' $(ARGS)

bench: $(INSTALLED)
	$(BIN)/python benchmarks/engines.py $(if $(CORPUS),'$(CORPUS)') $(ARGS)

clean:
	rm -rf .venv

# Everything a build of the package reads.
$(INSTALLED): pyproject.toml constraints.txt CMakeLists.txt $(shell find torch_w2v -name '*.cpp' -o -name '*.h')
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@
