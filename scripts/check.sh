#!/usr/bin/env bash
# The fast loop: format, vet, and the quick tests of all packages that build without C. Nothing is installed.
# `make test` runs everything.
set -euo pipefail
cd "$(dirname "$0")/.."
export GO=${GO:-go} CGO_ENABLED=0
source scripts/stage.sh

of_headless=$(without_c)
mapfile -t packages <<<"$of_headless"
stage "format" formatted
stage "vet" "$GO" vet -tags headless "${packages[@]}"
tests() { "$GO" test -tags headless -timeout 5m "${packages[@]}" | tested; }
stage "tests" tests
