# The commands of this repository; `make` lists them. They need Python 3.11 or newer, and install into .venv only,
# once, and again when pyproject.toml changes. These can be set, e.g. `make test ARGS="-k draw"`:
#
#   ARGS    more arguments for the program that is run
#   DEVICE  cpu or cuda, for run, examples, test and bench; with cuda, CUDA=12 or CUDA=13 says which CuPy is installed
#   PYTHON  the interpreter to make .venv with, where it is not the newest one found
#
# test-gpu and bench-gpu are for a machine with a GPU that is at hand for minutes: they install nothing, need no network, and run
# with PYTHON (default: python3) and what is installed for it. Results go to the folder RESULTS (default: benchmarks/results).
#
# pip listens to its own PIP_... variables.

VENV ?= .venv
CUDA ?= 13
PY := $(VENV)/bin/python
GPU := $(if $(filter cuda,$(DEVICE)),$(VENV)/.with-cuda$(CUDA))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run examples test test-gpu bench bench-gpu proof check types texts docs clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s%s\n", $$1, $$2 }'

run: $(GPU) $(VENV)/.with-examples  ## train a network on digits; DEVICE=cuda: on the GPU
	@DEVICE="$(or $(DEVICE),cpu)" $(PY) examples/10_digits.py $(ARGS)

examples: $(GPU) $(VENV)/.with-examples  ## run every example, and make runs/gallery.html of them
	@DEVICE="$(or $(DEVICE),cpu)" $(PY) examples/gallery.py

# hundreds of processes import the same modules: without their bytecode, each compiles them anew
test: $(VENV)/.with-dev $(GPU)  ## run the tests
	@env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest --numprocesses auto --maxprocesses 4 $(ARGS)

test-gpu:  ## run the tests of the GPU, where there is one (150 s)
	@PYTHONUNBUFFERED=1 $(or $(PYTHON),python3) tests/support/gpu_tests.py $(ARGS)

# variables that bind OpenBLAS to a kernel or a cache size would bind one side of the comparison only
bench: $(GPU) $(VENV)/.with-bench  ## compare with PyTorch, JAX, scikit-learn, micrograd
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(PY) -m benchmarks $(ARGS)

bench-gpu:  ## compare with PyTorch on a GPU (180 s)
	@PYTHONUNBUFFERED=1 $(or $(PYTHON),python3) -m benchmarks.gpu $(ARGS)

proof: $(VENV)/.with-dev $(VENV)/.with-bench  ## write docs/proof.md anew; QUICK=1: only try it
	@PYTHONPATH=.:tests/support$${PYTHONPATH:+:$$PYTHONPATH} OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(PY) -m benchmarks.proof

check: $(VENV)/.with-dev  ## check format, lint and types, also of all code in the docs
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) docs/check_types.py

types: $(VENV)/.with-dev  ## write operations.pyi and docs/from-*.md anew
	@PYTHONPATH=.$${PYTHONPATH:+:$$PYTHONPATH} $(PY) docs/operations.py
	@PYTHONPATH=.$${PYTHONPATH:+:$$PYTHONPATH} $(PY) docs/porting.py

texts: $(VENV)/.with-dev  ## bring the pages' texts in other languages up to what the code says
	@PYTHONPATH=.$${PYTHONPATH:+:$$PYTHONPATH} $(PY) docs/texts.py

docs: $(VENV)/.with-docs  ## build the documentation site into docs/_build
	@$(PY) -m sphinx -E -a -q -W --keep-going -b html docs docs/_build $(ARGS)
	@echo "docs: open docs/_build/index.html"

clean:  ## remove what these commands made, also .venv; not runs/
	rm -rf $(VENV) build dist docs/_build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +


# ---- the environment: a file $(VENV)/.with-EXTRA is made after an extra of pyproject.toml was installed in full

# .made holds the folder it was made in: a copied or moved checkout, or one whose Python is gone, is set up anew
ifneq ($(shell cat $(VENV)/.made 2>/dev/null && $(PY) -c 'print("works")' 2>/dev/null || true),$(CURDIR) works)
$(shell rm -f $(VENV)/.made $(VENV)/.with-*)
endif

$(VENV)/.made:
	@found=; for p in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
	  if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$p; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "make: needs Python 3.11 or newer; found $$("$(or $(PYTHON),python3)" -V 2>/dev/null || echo none)." \
	    "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" -V)"; \
	"$$found" -m venv $(VENV) || { echo "make: could not make $(VENV), see above; on Debian and Ubuntu," \
	  "apt-get install python3-venv adds what is missing" >&2; exit 1; }
	@echo "$(CURDIR)" > $@

$(VENV)/.with-cuda%: pyproject.toml $(VENV)/.made
	@$(PY) -c "$$CHECK_DRIVER" "$*"
	@echo "Installing CuPy for CUDA $* into $(VENV) (about 2 GB, once)"
	@rm -f $(VENV)/.with-cuda*
	@$(PY) -m pip uninstall --quiet --yes cupy-cuda12x cupy-cuda13x  # they hold the same files, and dev has one, too
	@$(PY) -m pip install --editable '.[cuda$*]' || { echo "make: CuPy for CUDA $* could not be installed, see above." \
	  "It needs Linux on x86_64 or aarch64 and the network. Without DEVICE=cuda everything runs on the CPU" >&2; exit 1; }
	@touch $@

$(VENV)/.with-%: pyproject.toml $(VENV)/.made
	@echo "Installing chainrule[$*] into $(VENV) (once; this can take a few minutes)"
	@$(PY) -m pip install --quiet --editable '.[$*]'
	@touch $@

define CHECK_DRIVER
import ctypes, sys
if sys.argv[1] not in ("12", "13"):
    sys.exit(f"make: CUDA is 12 or 13, not {sys.argv[1]}")
try:
    driver = ctypes.CDLL("libcuda.so.1")
except OSError:
    sys.exit("make: DEVICE=cuda needs an NVIDIA GPU and its driver, and this machine has no driver "
             "(libcuda.so.1 was not found). Without DEVICE=cuda everything runs on the CPU")
version = ctypes.c_int()
driver.cuDriverGetVersion(ctypes.byref(version))
if version.value < 1000 * int(sys.argv[1]):
    sys.exit(f"make: the NVIDIA driver of this machine knows CUDA up to {version.value // 1000}."
             f"{version.value % 1000 // 10}, not {sys.argv[1]}. Update the driver, or choose: DEVICE=cuda CUDA=12 make ...")
endef
export CHECK_DRIVER
