# Gatehouse: an MQTT device gateway in a desktop window. `make help` lists what can be asked for.

SHELL   := /bin/bash
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X gatehouse/app/commands.Version=$(VERSION)
# What the window is built with: fyne.Do is used throughout, and Fyne is to rely on it.
TAGS    := migrated_fynedo
ARGS    ?=

export GO TAGS
# The version is given above; asking git again fails in a checkout that another user owns.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

.PHONY: help run build headless check test fuzz screenshots measure icon packages clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, build, and open the window (without a display: serve --demo); ARGS="..." is passed on
	@scripts/run.sh $(ARGS)

build: ## Build bin/gatehouse, window and command line; needs a C compiler and the packages of `make packages`
	$(GO) build -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/gatehouse ./app

headless: ## Build bin/gatehouse without the window, which needs nothing but Go
	CGO_ENABLED=0 $(GO) build -tags headless -ldflags '$(LDFLAGS)' -o bin/gatehouse ./app

check: ## The fast loop: format, vet and the quick tests, without C
	@scripts/check.sh

test: ## Install what the tests need, and run every check and test there is
	@scripts/test.sh

fuzz: ## Fuzz every target for a minute each, and play thousands of random sessions beside another broker
	@scripts/fuzz.sh

screenshots: ## Draw docs/screenshots anew, from a window under Xvfb
	@scripts/screenshots.sh

measure: ## Print what it costs: start, memory, CPU, connects and messages a second
	@scripts/packages.sh build test
	CGO_ENABLED=0 $(GO) build -tags headless -ldflags '$(LDFLAGS)' -o bin/gatehouse-headless ./app
	$(GO) build -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/gatehouse ./app
	@CGO_ENABLED=0 $(GO) run ./scripts/measure -program bin/gatehouse-headless -window bin/gatehouse

icon: ## Draw assets/icon.png from assets/icon.svg
	CGO_ENABLED=0 $(GO) run ./scripts/icon -svg assets/icon.svg -size 512 -out assets/icon.png

packages: ## Install the system packages that building and testing need
	@scripts/packages.sh build test node

clean: ## Remove what was built
	rm -rf bin
