# The front door: `make` compiles, `make help` lists the rest. Every target makes what it needs and is quick when nothing
# changed. All but the demos share one home, interbank/default in the user's state directory, unless INTERBANK_HOME
# names another.

PYTHON = python3
PORT =
BANK = NORTH
CURRENCY =
HISTORIES =

BIN = .venv/bin
PACKAGES = protos interbank bank_service gateway_service migrations audit clients certs lab
SOURCES = prepare.py setup.cfg pyproject.toml setup.py $(wildcard protos/v1/*.proto)
LAUNCHER = $(BIN)/python -m clients.launcher
prepare = command -v $(PYTHON) >/dev/null || { echo 'error: no $(PYTHON) here. Install Python 3.11 or newer:' \
	'apt install python3 python3-venv, dnf install python3, or brew install python' >&2; exit 1; }; $(PYTHON) prepare.py

.PHONY: compile demo demo-pkdd99 run test faults lint bench bench-quick bench-curves certs migrate payment_gateway bank_server run_client help

compile: .venv/.runtime  # virtual environment, packages, generated code

demo: compile  # from nothing to a proven payment between banks, in seconds; stops by itself
	@$(BIN)/python -m examples.demo

demo-pkdd99: compile  # 6,471 real orders through 14 banks
	@$(BIN)/python -m examples.pkdd99.demo

run: compile  # a network that runs on: three banks; interbank down stops it
	@$(BIN)/interbank up --detach

test: .venv/.development  # every promise, tested, on all cores; a file's tests stay together and share what they set up
	@$(BIN)/pytest -n auto --dist loadfile

faults: .venv/.development  # the fault lab's campaign, for hours; writes docs/faults.md. HISTORIES=1000 for less, KEEP=folder to go on after a stop
	@$(BIN)/python -m lab --report docs/faults.md $(addprefix --histories ,$(HISTORIES)) $(addprefix --keep ,$(KEEP))

lint: .venv/.development  # style, types, import rules, the contract
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy --strict $(addprefix -p ,$(PACKAGES) benchmarks examples)
	@$(BIN)/lint-imports
	@$(BIN)/buf lint

bench: compile  # how fast, with percentiles, beside others; writes benchmarks/latest.json and docs/benchmarks.svg
	@$(BIN)/python -m benchmarks

bench-quick: compile  # slower than the last make bench that was committed? In a minute and a half, by ratios; exit code 1 if one fell by a quarter
	@$(BIN)/python -m benchmarks --quick

bench-curves: compile  # how cost grows with banks, accounts, entries and clients; an hour; writes benchmarks/curves.json and docs/curves.svg
	@$(BIN)/python -m benchmarks.growth

certs: compile  # the certificate authority, and certificates for gateway and banks
	@$(LAUNCHER) certificates

migrate: compile  # the databases, at the newest schema
	@$(LAUNCHER) databases

payment_gateway: compile  # the gateway alone, in the foreground; PORT=50051 for customers
	@$(LAUNCHER) gateway $(addprefix --port ,$(PORT))

bank_server: compile  # one bank alone, in the foreground; PORT=50052 BANK=NORTH CURRENCY=EUR
	@$(LAUNCHER) bank $(BANK) $(addprefix --port ,$(PORT)) $(addprefix --currency ,$(CURRENCY))

run_client: compile  # the menu for people; waits for the gateway
	@$(LAUNCHER) client

help:  # this list
	@sed -n 's/^\([a-z_0-9-]*\):.*  # \(.*\)/\1	\2/p' Makefile | expand -t 18

.venv/.runtime: $(SOURCES)
	@$(prepare) runtime

.venv/.development: $(SOURCES)
	@$(prepare) development
