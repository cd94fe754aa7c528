# make run and make test are all that is needed to begin; make help lists the rest.

# One setting for everything, so that programs, tests and checks share one build
# cache, and none needs a C compiler.
export CGO_ENABLED := 0

VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SERVER    := bin/manifold
SCRATCHPG := bin/scratchpg

# What the tests need beside Go.
TEST_PACKAGES := postgresql python3-pypump python3-requests-oauthlib python3-aiosmtpd python3-feedparser
RACE_PACKAGES := gcc libc6-dev
# The desktop clients of pump.io, and a screen that nobody sees to run them on.
DESKTOP_PACKAGES := pumpa dianara choqok libqca-qt5-2-plugins xvfb xdotool openbox dbus at-spi2-core gir1.2-atspi-2.0 python3-gi iproute2 gcc libc6-dev

# go run asks a proxy about a tool even if it has all of it, so the cache is the first
# proxy. The generator is of the version of the library that the program is built with.
TOOL        = env "GOPROXY=file://$$(go env GOMODCACHE)/cache/download,$$(go env GOPROXY)" go run
TEMPL       = $(TOOL) github.com/a-h/templ/cmd/templ@$$(go list -m -f '{{.Version}}' github.com/a-h/templ)
STATICCHECK = $(TOOL) honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = $(TOOL) golang.org/x/vuln/cmd/govulncheck@v1.9.0

TEST_TIMEOUT ?= 15m
FUZZTIME     ?= 5s

.PHONY: help
help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: run
run: build ## run the server here, on SQLite, with nothing to configure
	$(SERVER) serve $(ARGS)

# The version is passed in, so git has not to be asked by go build: it fails where
# the checkout belongs to somebody else.
.PHONY: build
build: ## build bin/manifold, one static binary
	go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o $(SERVER) ./cmd/manifold

.PHONY: generate
generate: ## make Go of the pages (*.templ), after each change to them
	$(TEMPL) generate -log-level warn

.PHONY: test
test: packages peers $(SCRATCHPG) ## run all tests, on SQLite and on a scratch PostgreSQL
	$(SCRATCHPG) go test -count=1 -timeout $(TEST_TIMEOUT) ./...

# Apart from the rest for its packages, 320 MB that nobody wants on a server. -v, for
# it tells where the screenshots are.
.PHONY: desktop
desktop: ## run Pumpa, Dianara and Choqok against the server
	@.ci/packages $(DESKTOP_PACKAGES)
	go test -v -tags desktop -run '^TestDesktop' -count=1 -timeout $(TEST_TIMEOUT) ./integration

.PHONY: race
race: packages $(SCRATCHPG) ## run the tests of the store, the bridge and pump.io with the race detector
	@.ci/packages $(RACE_PACKAGES)
	CGO_ENABLED=1 $(SCRATCHPG) go test -race -count=1 -timeout $(TEST_TIMEOUT) ./models/... ./bridge/... ./pumpapi/...

.PHONY: check
check: ## gofmt, the pages, vet, staticcheck, govulncheck, the rules of the house
	@unformatted=$$(gofmt -l .) && [ -z "$$unformatted" ] || { echo "gofmt -w is needed on:" $$unformatted; exit 1; }
	@$(TEMPL) generate -check -keep-orphaned-files -log-level error || { echo "make generate is needed: a *_templ.go is not what its *.templ makes"; exit 1; }
	go vet -tags desktop ./...
	$(STATICCHECK) -tags desktop ./...
	go test -count=1 ./internal/house
	.ci/vulncheck $(GOVULNCHECK) ./...

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (5s)
	.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## measure speed and memory, on SQLite and on PostgreSQL
	go run ./integration/bench $(ARGS)

.PHONY: packages
packages: ## install the Debian packages that the tests need
	@.ci/packages $(TEST_PACKAGES)

.PHONY: peers
peers: ## fetch Fedify, the server that the tests federate with, into the cache
	@.ci/peers

.PHONY: tools
tools: ## fetch and build what make check runs, to have it without a network
	$(TEMPL) version
	$(STATICCHECK) -version
	$(GOVULNCHECK) -version

.PHONY: clean
clean: ## remove what make built
	rm -rf bin

# Phony, for only go build knows what the program is made of.
.PHONY: $(SCRATCHPG)
$(SCRATCHPG):
	@go build -buildvcs=false -o $@ ./internal/scratchpg/cmd/scratchpg
