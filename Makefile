# Every command of the project. `make help` lists them.

VENV := .venv
# That of the environment, once there is one.
PYTHON ?= $(or $(wildcard $(shell sed -n 's/^executable = //p' $(VENV)/pyvenv.cfg 2>/dev/null)),python3)
BOARD ?= pico_w
STUBS := .cache/stubs
# The tools find each other in their folders.
RUN := PYTHONPATH=tools:tools/board:tools/benchmarks:tools/release:tools/documents:tools/aimx:tools/examples $(VENV)/bin/python

.DEFAULT_GOAL := help

# A misspelt option would do nothing, in silence. A make that calls this one may have options of its own. A backslash stands
# before each space of a value.
OPTIONS := BOARD BYTECODE DRIVE FIRMWARE FORCE JSON NAME PACKAGES PEERS PICTURE PORT PROGRAM PYTHON SEASON_SEED SECONDS SOAK \
	TARGET TESTS TOKEN URL
given = $(foreach option,$(subst \ ,,$(MAKEOVERRIDES)),$(firstword $(subst =, ,$(option))))
unknown := $(filter-out $(OPTIONS) VENV CC MICROPYTHON AIMX_% EMULATED_PICO_% PIP_% SEASON_% %_PROXY %_proxy,$(given))
$(if $(filter 0,$(MAKELEVEL)),$(if $(unknown),$(error There is no option $(unknown); there are $(OPTIONS))))

.PHONY: help
help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

.PHONY: setup
setup: $(VENV)/ready ## install what all other commands need into .venv and .cache (they call it themselves)

# Asked before every command: it returns at once when all is there.
.PHONY: $(VENV)/ready
$(VENV)/ready:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, not %d.%d; name one: make $(MAKECMDGOALS) PYTHON=python3.11" % sys.version_info[:2])'
	@$(PYTHON) tools/setup

# The same with linters, type checkers and stubs.
.PHONY: $(VENV)/ready-to-develop
$(VENV)/ready-to-develop: $(VENV)/ready
	@$(PYTHON) tools/setup develop

.PHONY: run
run: $(VENV)/ready ## deploy the sensor node and watch it: emulated board, or PORT=/dev/ttyACM0
	@$(RUN) tools/run.py --board "$(BOARD)" $(if $(PORT),--port "$(PORT)") $(if $(SECONDS),--seconds "$(SECONDS)")

.PHONY: example
example: $(VENV)/ready ## run a program of examples/, on an emulated board or at PORT: NAME=weather_station SECONDS=10
	@$(RUN) tools/examples/example.py "$(NAME)" $(if $(PORT),--port "$(PORT)") $(if $(SECONDS),--seconds "$(SECONDS)")

.PHONY: test
test: $(VENV)/ready-to-develop ## run the tests: TARGET=unix (default), rp2040 (emulated) or a serial port; TESTS= to choose
	@$(RUN) -m pytest $(if $(TARGET),--target=$(TARGET)) $(or $(TESTS),$(if $(TARGET),$(MICROPYTHON_TESTS)))

# The files that run on a target; those in tests/host and in tools need none.
MICROPYTHON_TESTS = $(wildcard tests/test_*.py)
# Three at a time on two cores, as half of the time a test waits for a board or a broker. A file's tests stay together, as
# they share one; tests/host/conftest.py has the longest begin first.
BOTH_CORES := --numprocesses=3 --dist=loadfile --no-loadscope-reorder

# What `make check` runs on the emulated chip: a buffer of each kind there is, interrupts, programs of all of them, and loops
# that are left. That calls leave the heap where it was takes long: there, one kind has to do.
CHIP_TESTS := $(patsubst %,tests/test_%.py,conformance_bounded_queue conformance_spmc_ring conformance_flash_queue \
	sync_producer random_programs left_loops)

# Many tests meet brokers and boards by the wall clock: one that failed beside others has to pass by itself.
passed = $(RUN) -m pytest $(BOTH_CORES) $(1) || $(RUN) -m pytest --last-failed --last-failed-no-failures=none $(1)

.PHONY: check
check: lint ## everything that has to pass: lint, all tests on the host, those of the chip on the emulated board
	@$(call passed)
	@$(call passed,--target=rp2040 $(CHIP_TESTS) -k "not (spmc_ring and heap_where_it_was)")

.PHONY: soak
soak: $(VENV)/ready ## a season in the field, and the seeded tests with ever more seeds: SOAK=60m SEASON_SEED=number
	SOAK=$(SOAK) $(RUN) tools/soak.py

.PHONY: bench
bench: $(VENV)/ready ## measure every operation: emulated cycles, or TARGET=unix or a port; PEERS=folder JSON=file
	@$(RUN) tools/benchmarks/bench.py $(if $(TARGET),--target=$(TARGET)) $(if $(PEERS),--peers $(PEERS)) $(if $(JSON),--json $(JSON))
	@$(if $(TARGET),,echo "Measuring messages to a broker. An emulated WiFi chip takes some seconds to start ...")
	@$(if $(TARGET),,$(RUN) tools/benchmarks/bench_mqtt.py $(if $(JSON),--json $(dir $(JSON))mqtt.json))
	@$(if $(TARGET),,$(RUN) tools/benchmarks/bench_dialling.py $(if $(JSON),--json $(dir $(JSON))dialling.json))
	@$(if $(TARGET),,$(RUN) tools/benchmarks/bench_aimx.py $(if $(JSON),--json $(dir $(JSON))aimx.json))
	@$(if $(TARGET),,$(RUN) tools/benchmarks/bench_node.py $(if $(JSON),--json $(dir $(JSON))node.json))
	@$(if $(TARGET),,echo "Measuring 10,000 periods of a source, which takes some minutes ...")
	@$(if $(TARGET),,$(RUN) tools/benchmarks/bench_periods.py $(if $(JSON),--json $(dir $(JSON))periods.json))

.PHONY: bench-periods
bench-periods: $(VENV)/ready ## its last part alone: 10,000 periods of a source, beside a loop of sleep_ms; JSON=file
	@$(RUN) tools/benchmarks/bench_periods.py $(if $(JSON),--json $(JSON))

.PHONY: bench-mqtt
bench-mqtt: $(VENV)/ready ## its second part alone: messages per second to a broker, beside a bare socket; JSON=file
	@echo "An emulated WiFi chip takes some seconds to start ..."
	@$(RUN) tools/benchmarks/bench_mqtt.py $(if $(JSON),--json $(JSON))

.PHONY: bench-dialling
bench-dialling: $(VENV)/ready ## the same for an AimX hub: values per second to it and from it; JSON=file
	@echo "An emulated WiFi chip takes some seconds to start ..."
	@$(RUN) tools/benchmarks/bench_dialling.py $(if $(JSON),--json $(JSON))

.PHONY: bench-aimx
bench-aimx: $(VENV)/ready ## what serving by AimX costs: calls and events per second, by UART and WiFi, and heap; JSON=file
	@echo "An emulated WiFi chip takes some seconds to start ..."
	@$(RUN) tools/benchmarks/bench_aimx.py $(if $(JSON),--json $(JSON))

.PHONY: bench-node
bench-node: $(VENV)/ready ## what the parts of aimdb_node, and the whole firmware, keep of the heap; JSON=file
	@$(RUN) tools/benchmarks/bench_node.py $(if $(JSON),--json $(JSON))

.PHONY: bench-everything
bench-everything: $(VENV)/ready ## what a program that uses nearly all packages keeps of the heap; JSON=file
	@$(RUN) tools/benchmarks/bench_everything.py $(if $(JSON),--json $(JSON))

.PHONY: wear
wear: $(VENV)/ready ## measure what a FlashQueue costs the flash, and how long it takes
	@$(RUN) tools/benchmarks/bench_flash.py

.PHONY: interrupts
interrupts: $(VENV)/ready ## measure interrupts on the emulated chip: cycles, latencies, highest rates; JSON=file
	@$(RUN) tools/benchmarks/bench_interrupts.py $(if $(JSON),--json $(JSON))

.PHONY: graph
graph: $(VENV)/ready ## draw a program's records, as text and for Mermaid: PROGRAM=firmware/sensor_node.py BOARD=pico_w
	@$(RUN) tools/graph/draw.py "$(or $(PROGRAM),firmware/sensor_node.py)" --board "$(BOARD)"

.PHONY: budgets
budgets: $(VENV)/ready ## lower the budgets in bench/budgets.json to what is measured now
	@$(RUN) tools/benchmarks/bench.py --record

.PHONY: figures
figures: $(VENV)/ready ## write the tables of figures in docs/ anew, from what was measured last
	@$(RUN) tools/documents/figures.py

.PHONY: reference
reference: $(VENV)/ready-to-develop ## write docs/reference/ anew, from the docstrings
	@$(RUN) tools/documents/reference.py

.PHONY: plot
plot: $(VENV)/ready ## draw docs/pictures/costs.png from bench/results.json
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tools/benchmarks/requirements-plot.txt
	@$(RUN) tools/benchmarks/bench_plot.py

PROGRAMS := build/programs
HARNESS := tools/pytest-micropython/pytest_micropython/on_target

.PHONY: lint
lint: $(VENV)/ready-to-develop ## ruff, codespell and the type checkers, also of programs in documents; what is out of date
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/codespell README.md CHANGELOG.md Makefile docs $(wildcard examples) lib firmware boards bench tools tests
	$(RUN) -m mypy --custom-typeshed-dir $(STUBS)
	$(VENV)/bin/basedpyright
	@$(RUN) tools/documents/programs.py $(PROGRAMS)
	$(VENV)/bin/ruff check --ignore=E401,E402,F401,F811,I001 $(PROGRAMS)
	MYPYPATH=lib:$(HARNESS) $(VENV)/bin/mypy --custom-typeshed-dir $(STUBS) --follow-imports=silent \
		--check-untyped-defs --disable-error-code=var-annotated --disable-error-code=abstract $(PROGRAMS) $(wildcard examples)
	$(VENV)/bin/basedpyright --project $(PROGRAMS)
	@$(RUN) tools/release/package.py --check
	@$(RUN) tools/documents/figures.py --check
	@$(RUN) tools/documents/reference.py --check

# Asked before a set-up that takes minutes.
.PHONY: named-program
named-program:
	@test -n "$(PROGRAM)" || { echo "Name the file of your program: make types PROGRAM=main.py"; exit 1; }
	@test -f "$(PROGRAM)" || { echo "There is no file $(PROGRAM) in $(CURDIR): give its whole path."; exit 1; }

.PHONY: types
types: named-program $(VENV)/ready-to-develop ## let a type checker read a program of yours: PROGRAM=file
	@MYPYPATH=lib $(VENV)/bin/mypy --custom-typeshed-dir $(STUBS) --follow-imports=silent --check-untyped-defs \
		--disable-error-code=var-annotated "$(PROGRAM)"

.PHONY: format
format: $(VENV)/ready-to-develop ## let ruff lay out all Python files
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

.PHONY: docs
docs: $(VENV)/ready-to-develop ## build the site of the documents into build/site, with every link checked
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict
	@echo "Open build/site/index.html, or run make docs-serve."

.PHONY: docs-serve
docs-serve: $(VENV)/ready-to-develop ## show the site, and build it anew when a page changes: http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs serve

.PHONY: view
view: $(VENV)/ready ## a live picture of what a node does: emulated, or PORT=/dev/ttyACM1, URL=tcp://10.0.0.7:7433 TOKEN=
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tools/aimx/requirements.txt
	@$(RUN) tools/aimx/view.py $(or $(URL),$(PORT)) $(if $(TOKEN),--token "$(TOKEN)") $(if $(PICTURE),--picture $(PICTURE) --seconds 40)

.PHONY: install
install: $(VENV)/ready ## put the library onto a board, compiled for its chip: PORT=/dev/ttyACM0 PACKAGES="aimdb aimdb_mqtt" BYTECODE=1
	@$(RUN) tools/board/deploy.py --library $(or $(PACKAGES),aimdb) $(if $(PORT),--port "$(PORT)")

.PHONY: deploy
deploy: $(VENV)/ready ## the same with the sensor node as its program: PORT=/dev/ttyACM0 BOARD=pico_w BYTECODE=1 FORCE=1
	@$(RUN) tools/board/deploy.py $(if $(PORT),--port "$(PORT)") --board "$(BOARD)"

.PHONY: wifi
wifi: $(VENV)/ready ## copy firmware/network.json, as in network.example.json, to a board, and restart it: PORT=/dev/ttyACM0
	@test -f firmware/network.json || { echo "Copy firmware/network.example.json to firmware/network.json, and fill it in."; exit 1; }
	@$(VENV)/bin/python -m json.tool firmware/network.json /dev/null || { echo "firmware/network.json is no JSON; see above where."; exit 1; }
	@for name in ssid password broker; do grep -q "\"$$name\"" firmware/network.json || \
		echo "firmware/network.json has no $$name, which the sensor node needs."; done
	$(VENV)/bin/mpremote $(if $(PORT),connect "$(PORT)") fs cp firmware/network.json :network.json + reset

.PHONY: image
image: $(VENV)/ready ## write one file with official firmware, library and application: BOARD=pico_w FIRMWARE=file
	@$(RUN) tools/board/image.py --board "$(BOARD)"

.PHONY: flash
flash: $(VENV)/ready ## write that file onto a board, and check it: BOARD=pico_w PORT=/dev/ttyACM0 DRIVE=folder
	@$(RUN) tools/board/flash.py --board "$(BOARD)" $(if $(PORT),--port "$(PORT)") $(if $(DRIVE),--drive "$(DRIVE)")

.PHONY: peers
peers: ## build AimDB's own command line and a hub, for tests with them and for `make run`: optional, needs Rust's cargo
	@$(PYTHON) tools/aimx/aimdb_tools.py

.PHONY: package
package: $(VENV)/ready ## write anew what `mip install` reads from this repository, and the version everywhere
	@$(RUN) tools/release/package.py

.PHONY: dist
dist: $(VENV)/ready ## write an index for `mip install --index` into build/mip: native code, bytecode and source
	@$(RUN) tools/release/package.py --check
	@$(RUN) tools/release/dist.py

.PHONY: clean
clean: ## remove .venv, .cache and build
	rm -rf $(VENV) .cache build
