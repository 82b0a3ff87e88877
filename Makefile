PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: help demo test test-slow lint bench speed reading gpu quality clean

help:
	@echo 'make demo        gensim beside torch_w2v on a small corpus, about a minute'
	@echo 'make test        the tests; ARGS="-k word" goes to pytest'
	@echo 'make test-slow   all tests, with those that take minutes'
	@echo 'make lint        ruff, mypy and clang-format'
	@echo 'make bench       speed beside gensim; CORPUS=file.txt, ARGS="--epochs 1 --workers 2"'
	@echo 'make speed       the same for several shapes of work; needs CORPUS=file.txt'
	@echo 'make reading     speed of reading text, and of whole runs, beside gensim; needs CORPUS=file.txt'
	@echo 'make gpu         everything that is measured on a GPU, 9 minutes; needs CORPUS=file.txt'
	@echo 'make quality     quality beside gensim for many shapes of work, hours; needs CORPUS=file.txt'

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
	git ls-files '*.cpp' '*.h' | xargs $(BIN)/clang-format --dry-run -Werror

reading: $(INSTALLED)
	$(BIN)/python -m benchmarks.reading '$(CORPUS)' $(ARGS)

speed: $(INSTALLED)
	$(BIN)/python -m benchmarks.shapes '$(CORPUS)' $(ARGS)

gpu: $(INSTALLED)
	$(BIN)/python -m benchmarks.gpu '$(CORPUS)' $(ARGS)

quality: $(INSTALLED)
	$(BIN)/python -m benchmarks.quality '$(CORPUS)' $(ARGS)

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.engines $(if $(CORPUS),'$(CORPUS)') $(ARGS)

clean:
	rm -rf .venv

# Everything a build of the package reads.
$(INSTALLED): pyproject.toml constraints.txt CMakeLists.txt $(shell find torch_w2v -name '*.cpp' -o -name '*.h')
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@
