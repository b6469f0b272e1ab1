# The commands of every day. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help build test e2e check fmt docs bench

SWIFT_SOURCES = $(wildcard Sources Tests Benchmarks Package.swift)

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Builds holdfast for release, installing what it needs first
	scripts/install-tools --run
	swift build -c release --product holdfast

test: ## Runs every test, as CI does
	scripts/test

e2e: ## Runs the end-to-end tests only
	scripts/test --e2e

check: ## Checks formatting, module boundaries and generated files; changes nothing
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	swift build --explicit-target-dependency-import-check error
	@if [ -x scripts/check-generated ]; then scripts/check-generated; fi

fmt: ## Formats every Swift file in place
	swift format format --in-place --parallel --recursive $(SWIFT_SOURCES)

docs: ## Writes the generated references anew
	scripts/generate-docs

bench: ## Runs the benchmarks, installing the peers first
	scripts/install-tools --benchmarks
	Benchmarks/run
