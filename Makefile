# The README's commands. `make run DATA=DIR PORT=8080` chooses where the data lives and the port.
DATA ?= ./data
PORT ?= 8080
# `make crash-test N=1000` kills a registry N times.
N ?= 1000
# `make gc-model STEPS=1000000` makes so many calls.
STEPS ?= 1000000
# `make chaos CASE="agent frozen at building"` breaks a farm in one way only.
CASE ?=

.PHONY: run test kubernetes-test crash-test chaos gc-model bench farm-bench conformance package images lint format

run:
	@scripts/run "$(DATA)" "$(PORT)"

test:
	@scripts/test

crash-test:
	@scripts/crash-test "$(N)"

gc-model:
	@scripts/gc-model "$(STEPS)"

# A real kube-apiserver and controller-manager on loopback (docs/operations/kubernetes.md); the first run builds them.
kubernetes-test:
	@scripts/kubernetes-test

chaos:
	@scripts/chaos $(if $(CASE),"$(CASE)")

bench:
	@scripts/bench

farm-bench:
	@scripts/farm-bench

# The distribution specification's own suite: `make conformance SUITE=DIR` (docs/operations/conformance.md).
conformance:
	@scripts/conformance "$(SUITE)"

package:
	@scripts/package dist

images:
	@scripts/images

lint:
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests bench

format:
	@swift format format --in-place --recursive --parallel Package.swift Sources Tests bench
