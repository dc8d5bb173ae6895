# Two commands: `make demo` evaluates the bundled model, `make test` runs every test. Both install what is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The CUDA build of vLLM where there is a GPU to run it on, else the CPU build.
ENGINE := $(shell nvidia-smi >/dev/null 2>&1 && echo cuda || echo cpu)

.PHONY: demo test lint format bench campaign smoke-gpu clean

demo: $(VENV)/.demo
	$(BIN)/fasteval --model demo --tasks easy_vqa --output_path results

test: $(VENV)/.dev $(VENV)/.chromium
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Everything that docs/benchmarks.md says, measured on this machine: about an hour; SIZE=quick takes minutes.
SIZE ?= full
bench: $(VENV)/.demo
	$(BIN)/python -m benchmarks.run --size $(SIZE)

# Faults done to real runs, and what they cost; the table goes into docs/faults.md. About an hour on two cores.
campaign: $(VENV)/.dev
	$(BIN)/python -m benchmarks.campaign --into docs/faults.md

# For whoever has a GPU: the demo on the CUDA build of vLLM, with the answers compared to the CPU's accuracy.
smoke-gpu: $(VENV)/.demo
	nvidia-smi
	$(BIN)/fasteval --model demo --tasks easy_vqa,easy_vqa_mme --no_cache --output_path results

clean:
	rm -rf $(VENV) results build dist *.egg-info

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fasteval needs Python 3.11 or newer; name one: make PYTHON=python3.12 demo" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	@$(call install,$(ENGINE),demo)
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	@$(call install,$(ENGINE),demo$(comma)dev$(comma)metrics)
	@touch $@ $(VENV)/.demo

# Tests of pages want a real browser; where none can be had they are skipped, and say so.
$(VENV)/.chromium: $(VENV)/.dev
	-$(BIN)/python -m tests.chromium
	@touch $@

comma := ,
# $(1): the engine's extra; $(2): further extras.
define install
echo "installing fasteval[$(1),$(2)] into $(VENV) (a few minutes the first time) ..."; \
$(BIN)/python -m pip install --quiet --editable '.[$(1),$(2)]' || { \
  if [ "$(1)" = cpu ]; then \
    echo "If pip found no torch with the suffix +cpu: PyPI carries none for this platform. Add PyTorch's own index of" >&2; \
    echo "CPU wheels (see the installation page of pytorch.org, platform CPU) as PIP_EXTRA_INDEX_URL, and try again." >&2; \
  fi; exit 1; }
endef
