#!/usr/bin/env bash
# Everything that is checked, from a clean checkout on: what is missing is installed first. Stages that need little come
# first, and the first that fails ends the run. CI runs this and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
export GO=${GO:-go} TAGS=${TAGS:-migrated_fynedo}
source scripts/stage.sh

# The packages where goroutines meet; their tests run once more under the race detector.
raced=(./gateway/... ./sim/... ./app/integration ./app/check/... ./app/client/... ./app/commands/... ./app/demo/... ./app/lab/... ./app/onboard/... ./app/remedy/... ./app/story/...)

vet_headless() { CGO_ENABLED=0 "$GO" vet -tags headless "${packages[@]}"; }
vet_window() { "$GO" vet -tags "$TAGS e2e integration" ./...; }
staticcheck_headless() { CGO_ENABLED=0 "$GO" tool staticcheck -tags headless ./app; } # the one package that differs
staticcheck_window() { "$GO" tool staticcheck -tags "$TAGS,e2e,integration" ./...; }
tests() { "$GO" test -tags "$TAGS" -timeout 10m ./... | tested; }
tests_raced() { "$GO" test -race -tags headless -timeout 10m "${raced[@]}" | tested; }
# Other programs take part below, of whose changes the test cache knows nothing: -count=1.
tests_of_clients() { CGO_ENABLED=0 "$GO" test -tags "headless integration" -count 1 -timeout 5m ./app/integration/clients ./app/onboard; }
tests_of_library() { CGO_ENABLED=0 "$GO" test -tags "headless integration" -count 1 -timeout 5m ./app/integration/library; }
# Each fuzz target for a moment, from the seeds in the repository; the oracle has had its turn among the tests.
fuzzed() { ORACLE=0 scripts/fuzz.sh 5s; }
tests_of_window() {
  "$GO" build -tags "$TAGS e2e" -o bin/gatehouse-e2e ./app
  "$GO" test -tags "$TAGS e2e" -timeout 5m ./app/desktop/drive/...
  GATEHOUSE_E2E=$PWD/bin/gatehouse-e2e CGO_ENABLED=0 "$GO" test -tags e2e -count 1 -timeout 10m ./app/e2e
}

stage "packages" scripts/packages.sh build test node
of_headless=$(without_c)
mapfile -t packages <<<"$of_headless"
stage "format" formatted
stage "vet, without the window" vet_headless
stage "vet, whole" vet_window
stage "staticcheck, without the window" staticcheck_headless
stage "staticcheck, whole" staticcheck_window
stage "tests" tests
stage "tests with the race detector" tests_raced
stage "fuzz targets, 5 s each" fuzzed
stage "tests with mosquitto and openssl" tests_of_clients
stage "tests with the vendor's helper library" tests_of_library
stage "tests in a real window" tests_of_window
printf '\nAll passed in %d s.\n' "$SECONDS"
