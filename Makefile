# The targets of this file are what README and CI call. Tools that are not Go's own
# are built once, outside the tree, by scripts/tool.

BIN     := bin/tuilivekit-exporter
VERSION := $(shell cat VERSION)
PKG     := github.com/prometheus/common/version
BUILD_USER ?= $(shell whoami)@$(shell hostname)
BUILD_DATE ?= $(or $(shell git log -1 --format=%cI 2>/dev/null),$(shell date -u +%Y-%m-%dT%H:%M:%SZ))
# Of the commit, so that a build can be repeated. Go stamps the revision only where it may ask git.
REVISION   ?= $(or $(shell git describe --always --abbrev=40 --exclude '*' --dirty=-modified 2>/dev/null),unknown)
LDFLAGS := -s -w -X $(PKG).Version=$(VERSION) -X $(PKG).Revision=$(REVISION) -X $(PKG).Branch=$(shell git rev-parse --abbrev-ref HEAD 2>/dev/null) \
  -X $(PKG).BuildUser=$(BUILD_USER) -X $(PKG).BuildDate=$(BUILD_DATE)
CYCLES ?= 200
DOCKER ?= docker
COMPOSE ?= $(DOCKER) compose
IMAGE   = tuilivekit-exporter:$(VERSION)

.DEFAULT_GOAL := build

build: need-go ## build the exporter into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/tuilivekit-exporter

run: ## run it on loopback for a demo application
	@[ -x $(BIN) ] || echo "building $(BIN)"
	@$(MAKE) --no-print-directory -s build
	@scripts/run-demo

test: need-go need-cc ## run vet, the Go tests with the race detector, and the tests of the rules
	@$(MAKE) --no-print-directory -j2 alerts test-go # alerts first: make starts no test-go before its needs have ended

check: ## run everything, with the real programs: make test, linters, browser, attacks, crashes, demo
	@scripts/check

check-busy: ## run all of make check while another process keeps each core busy
	@scripts/busy scripts/check

test-go: need-go need-cc ## run vet and the Go tests with the race detector
	GOGC=off GOMEMLIMIT=2GiB go vet -race ./... # it compiles what the tests need
	go test -race -timeout 1h ./...

thorough: need-go ## cut, damage and fail the storage in every way, and recount with every clock
	THOROUGH=1 go test -count=1 -timeout 1h -v -run '^(TestPowerCut|TestDamage|TestTheNthCallFails|TestRecountWhileRoomsOpenAndClose)$$' ./internal/storage ./internal/reconcile

test-programs: need-go need-chromium need-npm need-redis ## run the tests that need the real programs or Prometheus' engine
	cd test && go vet ./...
	cd test && go test -count=1 -shuffle=on -timeout 1h $$(go list ./... | grep -vE '/(attack|stack|e2e)$$')

check-replicas: need-go need-redis ## kill the primary of replicas KILLS times in the middle of writes, and stop Redis for STOPPED seconds
	cd test && KILLS=$(or $(KILLS),50) STOPPED=$(or $(STOPPED),60) go test -count=1 -timeout 1h -v -run '^(TestSentinel|TestRedisComesAndGoes)$$' ./replica

alerts: ## check the alert rules, and run their tests
	@scripts/check-alerts

routes: ## check the Alertmanager example, and which receivers it selects
	@scripts/check-routes

e2e: build ## let an alert go from a callback to a receiver, with the real programs
	cd test && EXPORTER=$(CURDIR)/$(BIN) go test -count=1 -shuffle=on -timeout 1h -v ./stack ./e2e

browser: need-chromium need-npm build ## look at the status page with a real browser
	cd test && EXPORTER=$(CURDIR)/$(BIN) go test -count=1 ./browser

pictures: need-chromium need-chinese build day ## make all pictures of the documents again; those of the dashboards with GRAFANA_URL
	cd test && EXPORTER=$(CURDIR)/$(BIN) go test -count=1 -run Picture ./browser -update
	cd test && go run ./terminal
	cd test && go run ./grafana -url '$(GRAFANA_URL)'

demo: ## run the exporter, Prometheus and Alertmanager, and simulate days of callbacks; with REDIS=1 two replicas and Redis
	@scripts/demo $(if $(REDIS),-redis) $(DEMO)

check-demo: need-redis ## simulate a day in two minutes, without and with replicas; fails unless alerts and rooms are as expected
	@scripts/check-demo

dashboards: ## write the dashboards again
	cd test && go run ./dashboards

check-dashboards: ## check the dashboards against Grafana's own types (needs Node.js)
	@scripts/check-dashboards

crash: need-go ## kill and stop the exporter under load, CYCLES times
	cd test && CYCLES=$(CYCLES) go test -count=1 -v -timeout 1h -run 'TestKill|TestStop' ./crash

lint: ## run the linters
	$(shell scripts/tool golangci-lint) run
	cd test && $(shell scripts/tool golangci-lint) run
	$(shell scripts/tool actionlint)
	go mod tidy -diff
	cd test && go mod tidy -diff

start: need-go ## measure starts with 10,000 applications, and with 1,000,000 rooms
	cd test && go test -count=1 -v -run '^TestStartIsQuick$$' ./crash
	go test -run '^$$' -bench '^BenchmarkStart$$' -benchtime 5x ./internal/storage

vale: need-go need-cc ## look for words in documents, help texts and messages that .vale/ does not allow
	@mkdir -p bin
	cd test && go run ./messages >../bin/messages.md
	@$(MAKE) -s help >>bin/messages.md
	(git ls-files '*.md' | grep -vE 'zh-CN|CHANGELOG|decisions/'; echo bin/messages.md) | xargs $(shell scripts/tool vale)

many: need-go ## scrape 100,000 applications, as Prometheus would
	cd test && go test -count=1 -v -run '^TestManyApplications$$' ./crash

attack: build ## attack the exporter over loopback, and print what a good client saw
	cd test && EXPORTER=$(CURDIR)/$(BIN) go test -count=1 -timeout 1h -v ./attack

vuln: ## look for known vulnerabilities (asks vuln.go.dev)
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

bench: need-go ## compare callbacks, scrapes and the decoder with their references
	@scripts/bench $(BENCH)

growth: need-go ## draw how callbacks and scrapes grow, into docs/
	@scripts/growth

day: need-go ## simulate a day of callbacks, and draw docs/numbers.svg
	@scripts/day

bench-durable: need-go ## measure callbacks that are durable beside those in memory only
	cd test && go run ./bench $(DURABLE)

bench-storages: need-go ## measure the storage beside bbolt, pebble, raft-wal and SQLite (downloads these)
	cd test/storagebench && go run . $(STORAGES)

bench-replicas: need-go need-redis ## measure what the exchange of 1 to 10 replicas through Redis costs
	cd test && go run ./replicabench $(REPLICAS)

bench-relay: need-go ## measure decisions beside httputil.ReverseProxy, and deliveries to a backend of 50 ms
	go test -run '^$$' -bench Decision -benchtime $(or $(RELAYTIME),2000x) ./cmd/tuilivekit-exporter
	go test -run '^$$' -bench Delivery -benchtime $(or $(DELIVERIES),18000x) ./cmd/tuilivekit-exporter

fuzz: ## run the fuzz targets, an hour in all, or each for FUZZTIME
	@scripts/fuzz $(FUZZTIME)

check-readme: ## do what the README tells a newcomer
	@scripts/check-readme

release: need-go ## release the tag that is checked out: draft, packages, signatures (CI does it)
	PATH="$$(dirname $(shell scripts/tool cyclonedx-gomod)):$$PATH" $(shell scripts/tool goreleaser) release --clean

push-images: ## build the image for all platforms, push it to the registries and sign it (CI does it)
	@scripts/push-images

check-chart: need-go ## lint the Helm chart and hold it against Kubernetes' schemas
	@scripts/check-chart

check-kube: need-go ## install, upgrade and remove the chart on a real API server (builds one, once)
	@scripts/check-kube

manifests: need-go ## render the plain Kubernetes manifests from the Helm chart again
	@scripts/manifests deploy/kubernetes

chart-readme: need-go ## write the table of the chart's values again
	$(shell scripts/tool helm-docs) --chart-search-root deploy/helm --log-level=error

release-check: need-go ## make a release offline, twice, and check it
	@scripts/release-check

cross: ## build for the other platforms
	@for t in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do echo $$t; \
	  CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} go build -trimpath -o /dev/null ./cmd/tuilivekit-exporter || exit 1; done

docs: ## write the generated documents and golden files again
	go test ./cmd/... ./handler ./internal/doctor ./alerts -run 'Documents|Golden' -update

docker: ## build the container image
	DOCKER_BUILDKIT=1 $(DOCKER) build $(DOCKER_FLAGS) --build-arg VERSION=$(VERSION) \
	  --build-arg REVISION=$(REVISION) --build-arg CREATED=$(BUILD_DATE) -t $(IMAGE) -t $(IMAGE:$(VERSION)=latest) .

check-docker: build docker ## run the container image and check it (needs a Docker engine)
	DOCKER='$(DOCKER)' scripts/check-docker $(IMAGE)

check-compose: build docker ## start the Compose files as they are, without Grafana, and check what they show
	$(DOCKER) tag $(IMAGE) tuilivekit-exporter:compose
	COMPOSE='$(COMPOSE)' scripts/check-compose

clean: ## remove what was built
	rm -rf bin

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 18

need-go:
	@command -v go >/dev/null || { echo "make: Go is missing: install the version of go.mod or newer, see https://go.dev/doc/install" >&2; exit 1; }

need-cc:
	@scripts/need cc 'gcc libc6-dev' 'the race detector needs a C compiler'

need-redis:
	@scripts/need redis-server redis-server 'replicas are tested with it'

need-npm:
	@scripts/need npm npm 'axe-core is fetched with it, which looks for faults of accessibility'

need-chinese:
	@fc-list :lang=zh 2>/dev/null | grep -q . || scripts/need fonts-noto-cjk fonts-noto-cjk 'the pictures have Chinese text'

need-chromium:
	@scripts/need chromium chromium 'the status page is looked at with it'

.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))
