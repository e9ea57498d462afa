# What people run, and CI too. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

REGISTRY ?= keddah.dev
TAG ?= 0.1.0
# Of the images; without it the machine's own.
PLATFORM ?=
KUBE_CONTEXT ?=
# The target that makes the databases' image: postgres, or postgres-extensions, which has PostGIS too.
POSTGRES ?= postgres
# Of a private registry: the Secret with which images are pulled.
PULL_SECRET ?=
# A file with entries of the policy in place of the usual ones, such as minorUpgrades.
POLICY ?=
# Who makes the webhooks' certificates: keddah, or the cluster's cert-manager.
CERTIFICATES ?= keddah
# In which namespaces databases are looked after; empty: in all. With cert-manager only.
NAMESPACES ?=
# 1 where the cluster has the Prometheus operator: it is told what to scrape, the alerts, and Grafana the board.
MONITORING ?=
# With it: where build/site is served (`make docs`), to whose runbooks alerts lead.
DOCS ?=
# Of `make bench-failover`: runs of each fault, and which faults; without a name it is all of them.
REPEAT ?= 5
FAULT ?=
CONTROLLER_KILLED ?=
# Processes share the tests, file by file, each with an API server or a cluster of its own. Tests of clusters mostly wait.
file_by_file = --dist loadfile --no-loadscope-reorder
side_by_side = -n 2 $(file_by_file)
clusters_side_by_side = -n 3 $(file_by_file)
comma := ,
clusters_of_yours = $(if $(findstring $(comma),$(KUBE_CONTEXT)),-n $(words $(subst $(comma), ,$(KUBE_CONTEXT))) $(file_by_file))
KUBECTL ?= kubectl $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT))

# Made on first use, in the cache, for each lock of requirements/.
venv = $(or $(shell deploy/venv.sh),$(error no Python environment, see above))
python = $(venv)/bin/python
build = build/install
named = --registry $(REGISTRY) --tag $(TAG) $(if $(PLATFORM),--platform $(PLATFORM))
# The releases in the database image that was built here, and their extensions; without it, the committed ones.
catalogue = build/catalogue-$(POSTGRES).yaml

.PHONY: help
help: ## list the targets
	@echo "Variables: REGISTRY=$(REGISTRY) TAG=$(TAG) KUBE_CONTEXT=$(KUBE_CONTEXT)"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: demo
demo: ## create a cluster, install keddah, and show it in four acts
	$(python) -m deploy.demo

.PHONY: demo-down
demo-down: ## remove the cluster that `make demo` created
	$(python) -m deploy.demo down

.PHONY: verify
verify: ## lint, types, architecture, unit tests, generated files: about a minute
	$(venv)/bin/ruff check
	$(venv)/bin/ruff format --check
	$(venv)/bin/mypy
	$(venv)/bin/lint-imports
	$(python) -m deploy manifests --check
	$(python) -m tests.kubernetes_versions
	$(python) -m tests.kube_score
	$(python) -m tests.alerts
	$(MAKE) --no-print-directory docs
	$(MAKE) -j 2 --output-sync --no-print-directory unit-0 unit-1

# mkdocs-material announces its end in 2027 with each build. Not --quiet: what is not printed fails no strict build.
.PHONY: docs docs-serve
docs docs-serve: export NO_MKDOCS_2_WARNING = 1
docs: ## make build/site of docs/, and look at every page of it: a few seconds
	$(venv)/bin/mkdocs build
	$(python) -m tests.site build/site

docs-serve: ## show docs/ on http://127.0.0.1:8000 as it is edited
	$(venv)/bin/mkdocs serve

# Two processes, each of which reads its own half of the files; with pytest-xdist, each would read them all.
.PHONY: unit-0 unit-1
unit-0 unit-1: unit-%:
	$(python) -m pytest -q $$(ls tests/unit/test_*.py | awk 'NR % 2 == $*')

.PHONY: test
test: verify ## every test: unit, real API server, real cluster; installs what the machine lacks
	$(python) -m deploy machine
	@echo "== What the tests need and the cache lacks: Kubernetes' programs, and keddah's images"
	$(python) -m deploy.local binaries --tests >/dev/null
	$(python) -m deploy.images build >/dev/null
	$(python) -m tests.releases
	@echo "== The API server tier: a real kube-apiserver and etcd, with the admission server called by it"
	$(python) -m pytest -v --durations=20 $(side_by_side) tests/apiserver
	@echo "== The cluster tier: real nodes, pods and failures"
	$(python) -m pytest -v --durations=20 $(clusters_side_by_side) tests/cluster

# Not a part of verify: it needs the index, and what it finds is news about the world, not about a change.
.PHONY: audit
audit: ## ask pip's index whether a locked release is vulnerable, withdrawn or no longer served
	$(python) -m deploy.audit

.PHONY: conformance
conformance: ## the cluster tier on your cluster, with keddah deployed: KUBE_CONTEXT=...; on several at once: KUBE_CONTEXT=a,b
	$(if $(KUBE_CONTEXT),,$(error say which cluster: make conformance KUBE_CONTEXT=...))
	KEDDAH_KUBE_CONTEXT=$(KUBE_CONTEXT) $(python) -m pytest -v --durations=20 $(clusters_of_yours) tests/cluster

# Images are built here, as for every other cluster; kind's nodes are given the archives.
.PHONY: conformance-kind
conformance-kind: ## the same on two kind clusters of this machine, with an engine and nodes made for them (root, Debian 12)
	$(python) -m deploy.images build >/dev/null
	$(python) -m tests.docker conformance

.PHONY: bench
bench: ## measure, and print a table of targets and results
	$(python) -m tests.benchmarks

.PHONY: bench-failover
bench-failover: ## inject faults while an application writes, and print the gaps: REPEAT=5 FAULT="NAME ..." CONTROLLER_KILLED=1
	$(python) -m tests.laboratory --repeat $(REPEAT) $(addprefix --fault ,$(FAULT)) \
		$(if $(CONTROLLER_KILLED),--controller-killed)

.PHONY: bench-admission
bench-admission: ## disturb keddah itself while databases are created, and print the calls that failed
	$(python) -m tests.benchmarks.admission

.PHONY: manifests
manifests: ## generate deploy/install, deploy/cert-manager, deploy/monitoring, deploy/chart and the golden manifests from the code
	$(python) -m deploy manifests
	$(python) -m tests.golden

.PHONY: docker-build
docker-build: ## build both images, with Docker or without, and list what is in them: REGISTRY=... TAG=... PLATFORM=linux/arm64 POSTGRES=postgres-extensions
	$(python) -m deploy.images build operator $(POSTGRES) $(named)
	mkdir -p build
	$(python) -m deploy.images catalogue $(POSTGRES) $(named) >$(catalogue)
	$(python) -m deploy.images sbom operator $(POSTGRES) $(named) --output build

.PHONY: docker-push
docker-push: ## push both images to REGISTRY
	$(python) -m deploy.images push operator $(POSTGRES) $(named)

.PHONY: deploy
deploy: ## install keddah, with images of REGISTRY (private: PULL_SECRET=name), on the cluster that kubectl reaches (CERTIFICATES=cert-manager, NAMESPACES="a b", MONITORING=1, DOCS=https://..., POLICY=file, POSTGRES=postgres-extensions)
	$(python) -m deploy overlay $(build) --registry $(REGISTRY) --tag $(TAG) --certificates $(CERTIFICATES) --postgres $(POSTGRES) \
		$(if $(PULL_SECRET),--pull-secret $(PULL_SECRET)) $(if $(POLICY),--policy $(POLICY)) \
		$(if $(NAMESPACES),--namespaces "$(NAMESPACES)") $(if $(MONITORING),--monitoring) $(if $(DOCS),--docs $(DOCS)) \
		$(if $(wildcard $(catalogue)),--catalogue $(catalogue))
	$(KUBECTL) apply --server-side -k $(build)
	$(python) -m deploy wait $(if $(KUBE_CONTEXT),--context $(KUBE_CONTEXT))

.PHONY: undeploy
undeploy: ## remove keddah; the databases stay and keep running
	$(KUBECTL) delete --ignore-not-found mutatingwebhookconfiguration/keddah validatingwebhookconfiguration/keddah
	$(KUBECTL) delete --ignore-not-found validatingadmissionpolicy,validatingadmissionpolicybinding --selector app.kubernetes.io/part-of=keddah
	$(KUBECTL) delete --ignore-not-found clusterrole,clusterrolebinding,priorityclass --selector app.kubernetes.io/part-of=keddah
	$(KUBECTL) delete --ignore-not-found --all-namespaces roles,rolebindings --selector app.kubernetes.io/part-of=keddah
	$(KUBECTL) delete --ignore-not-found namespace/keddah-system
	@echo "keddah is gone. Databases go on running and fail over, but nobody reconciles them until it is back."
	@echo "The definition of PostgreSQLDatabase stays, for with it all databases would be deleted:"
	@$(KUBECTL) get postgresqldatabases --all-namespaces
