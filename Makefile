PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
# One process per core, each with a whole file at a time, in the order in which they are collected.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-slow test-interop test-launchers docs lint bench speed reading gpu quality \
	skip-gram graphs wheels dist-check test-wheels test-versions soak clean

help:
	@echo 'make demo        train gensim and torch_w2v on a small corpus and compare them, about a minute'
	@echo 'make test        run the tests, under four minutes on two cores; ARGS="-k word" is passed to pytest'
	@echo 'make test-slow   run all tests, also those that take minutes each'
	@echo 'make test-interop  have the libraries that exports are for read them back, in an environment of their own'
	@echo 'make test-launchers  start ranks with Ray, Spark and the script for Slurm, in an environment of their own; needs Java 17'
	@echo 'make docs        build the site into build/site, and execute its notebooks'
	@echo 'make lint        check the code with ruff, mypy and clang-format'
	@echo 'make bench       compare the speed with gensim; CORPUS=file.txt, ARGS="--epochs 1 --workers 2"'
	@echo 'make speed       compare the speed with gensim for several shapes of work; needs CORPUS=file.txt'
	@echo 'make reading     measure how fast text is read, and whole runs, beside gensim; needs CORPUS=file.txt'
	@echo 'make gpu         measure everything that runs on a GPU, 9 minutes; needs CORPUS=file.txt'
	@echo 'make quality     compare the quality with gensim on every kind of data; with CORPUS=file.txt for many shapes of work, hours'
	@echo 'make skip-gram   compare the quality of skip-gram with gensim for many shapes; needs CORPUS=file.txt'
	@echo 'make graphs      compare the speed and quality of skip-gram with gensim on walks through graphs'
	@echo 'make wheels      build the sdist and a wheel for every platform into dist/'
	@echo 'make dist-check  check them: contents, libraries, metadata, a build from the sdist'
	@echo 'make test-wheels run the wheels: here, for arm64 under qemu, for Windows under wine; needs qemu-user-static and wine'
	@echo 'make test-versions run the core of the tests with other versions of Python, gensim and numpy; ARGS="lowest newest"'
	@echo 'make soak        train, save, load, update and resume for 20 minutes: nothing may grow'
	@echo 'make clean       remove the virtual environment'

demo: $(INSTALLED)
	$(BIN)/torch-w2v demo $(ARGS)

test: $(INSTALLED)
	$(PYTEST) -m 'not slow' $(ARGS)

test-slow: $(INSTALLED)
	$(PYTEST) $(ARGS)

test-interop: .venv-interop/installed
	.venv-interop/bin/python -m pytest -q tests/interop $(ARGS)

test-launchers: .venv-launchers/installed
	.venv-launchers/bin/python -m pytest -q tests/launchers $(ARGS)

docs: .venv-docs/installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict $(ARGS)

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
	$(BIN)/python -m $(if $(CORPUS),benchmarks.quality '$(CORPUS)',benchmarks.any_data) $(ARGS)

skip-gram: $(INSTALLED)
	$(BIN)/python -m benchmarks.skip_gram '$(CORPUS)' $(ARGS)

graphs: $(INSTALLED)
	$(BIN)/python -m benchmarks.graphs $(ARGS)

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.engines $(if $(CORPUS),'$(CORPUS)') $(ARGS)

# The wheels are built by CMake with a compiler from PyPI, in an environment of their own.
DIST := .venv-dist/installed

wheels: $(DIST)
	.venv-dist/bin/python packaging/wheels.py $(ARGS)

dist-check: $(DIST)
	.venv-dist/bin/python packaging/check.py

test-wheels: $(INSTALLED)
	PYTHONPATH=. $(BIN)/python packaging/record.py build/recording
	$(BIN)/python packaging/emulate.py build/recording $(ARGS)

test-versions:
	$(PYTHON) packaging/versions.py $(ARGS)

$(DIST): packaging/requirements.txt
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install --disable-pip-version-check -r packaging/requirements.txt
	@touch $@

soak: $(INSTALLED)
	$(BIN)/python -m benchmarks.soak $(ARGS)

clean:
	rm -rf .venv-dist .venv .venv-interop .venv-launchers .venv-docs build/site

# Everything a build of the package reads.
$(INSTALLED): pyproject.toml constraints.txt CMakeLists.txt $(shell find torch_w2v -name '*.cpp' -o -name '*.h')
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@

# An environment with the packages of .venv, and over them those of one extra: docs, interop or launchers.
.venv-%/installed: $(INSTALLED)
	$(PYTHON) -m venv .venv-$*
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$(.venv-$*/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
	$(BIN)/python -c 'from importlib.metadata import requires; \
		print(*(r.split(";")[0] for r in requires("torch_w2v") if "$*" in r.partition("extra ==")[2]), sep="\n")' \
		> .venv-$*/requirements.txt
	.venv-$*/bin/python -m pip install --disable-pip-version-check -c constraints.txt -r .venv-$*/requirements.txt
	@touch $@
