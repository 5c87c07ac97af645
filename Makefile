# The commands of the README, and those for measuring. Everything happens in a virtual environment in .venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TEST_EXTRAS ?= cpu,train,classical,data,dev

.PHONY: run test check fuzz docs docs-catalogs bench bench-gpu bench-peers report container-steps test-arm64 test-lowest test-pythons package sbom \
    lock clean

# Classify the example image with the bundled model.
run: $(VENV)/run-installed
	$(BIN)/edgecls run examples/dandelion.jpg

# All checks and all tests (those that need a GPU are left out: pytest -m gpu), in as many processes as there are cores, but four.
test: check
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: $(VENV)/test-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin

# The documentation site, in docs/_build/html: English and Chinese, warnings are errors.
docs: $(VENV)/docs-installed
	$(BIN)/python docs/make_site.py

# The Chinese catalogs in docs/locale, brought up to the English pages.
docs-catalogs: $(VENV)/docs-installed
	$(BIN)/python docs/make_site.py --catalogs

# Measure (20 minutes on two cores, and the machine should do nothing else), and write docs/benchmarks.md anew.
bench: $(VENV)/test-installed
	$(BIN)/python benchmarks/run_all.py

# The same beside other servers, programs and runtimes, each in a virtual environment of its own (up to 12 GB in all).
bench-peers: $(VENV)/test-installed
	$(BIN)/python benchmarks/peers/run.py
	$(BIN)/python benchmarks/peers/command_line.py
	$(BIN)/python benchmarks/runtimes.py
	$(BIN)/python benchmarks/report/run.py

# On a machine with a GPU, in at most 8 minutes, in a Python that has all it needs: make bench-gpu PYTHON=python3
# ARGS=--dry rehearses it on the CPU. CONTRIBUTING.md says how to prepare, carry, run and resume it.
bench-gpu:
	$(PYTHON) benchmarks/bench_gpu.py $(ARGS)

# docs/benchmarks.md and the figures in the other documents, from the results that are there.
report: $(VENV)/test-installed
	$(BIN)/python benchmarks/report/run.py

# The steps of deploy/Dockerfile in a root made by debootstrap, without a container engine; as root, with the network, some minutes.
container-steps:
	$(PYTHON) tests/container_steps.py $(ARGS)

# Hostile input for every part that reads what somebody else wrote: each for SECONDS, with Atheris where it installs.
# ARGS="--jobs 4 http_server" names targets and options; CONTRIBUTING.md says what to do with what it finds.
SECONDS ?= 60
fuzz: $(VENV)/test-installed
	$(BIN)/python -m pip install --quiet "atheris>=3" || echo "Atheris does not install here: inputs are damaged copies of examples"
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) $(ARGS)

# What runs models, on an emulated ARM64 processor beside this one; on x86, Debian or Ubuntu, with the network, some minutes.
test-arm64: $(VENV)/test-installed
	$(BIN)/python tests/arm64_emulation.py $(ARGS)

# The same tests with the lowest versions that setup.cfg allows, and with other Pythons, those of Debian's newer releases included.
test-lowest: $(VENV)/python-found
	$(BIN)/python tests/runtime_side.py --lowest $(ARGS)

PYTHONS ?= 3.12 3.13 3.14
test-pythons: $(VENV)/python-found
	$(BIN)/python tests/runtime_side.py $(addprefix --python ,$(PYTHONS)) $(ARGS)

# The sdist and the wheel, in dist/, and the journeys of the tests with the wheel in an environment of its own.
package: $(VENV)/python-found
	$(BIN)/python tests/wheel_journeys.py $(ARGS)

# What is in an installation of the wheel in dist/: sbom/edgecls.cdx.json.
sbom: $(VENV)/python-found
	$(BIN)/python requirements/sbom.py

# What CI installs, anew: requirements/*.txt with hashes, and the licences. ARGS=--upgrade takes the newest versions.
lock: $(VENV)/python-found
	$(BIN)/python requirements/lock.py $(ARGS)

clean:
	rm -rf $(VENV) $(VENV)-wheel $(VENV)-runtime $(VENV)-lock

$(VENV)/python-found:
	$(PYTHON) -c 'import sys; sys.exit("edgecls needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; give another with: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/run-installed: $(VENV)/python-found setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[cpu]"
	touch $@

$(VENV)/docs-installed: $(VENV)/python-found setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[cpu,docs]"
	touch $@

$(VENV)/test-installed: $(VENV)/python-found setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[$(TEST_EXTRAS)]"
	touch $@
