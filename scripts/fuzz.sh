#!/usr/bin/env bash
# Fuzzes each target there is, one after the other, for as long as it is told: scripts/fuzz.sh [TIME], or FUZZTIME, else 60s.
# Targets are found by asking the packages that hold any. Then random sessions are played to the session engine and to
# another broker: ORACLE of them, 5000 unless set; 0 leaves them out. Findings end up in testdata/fuzz of their package,
# are printed, and make the script fail after the remaining targets have had their turn.
#
#   scripts/fuzz.sh 5s             # what make test runs
#   ONLY=Filter scripts/fuzz.sh 5m # the targets whose name holds Filter
set -uo pipefail
cd "$(dirname "$0")/.."
export GO=${GO:-go} CGO_ENABLED=0
time=${1:-${FUZZTIME:-60s}}
oracle=${ORACLE:-5000}
only=${ONLY:-}
output=$(mktemp)
trap 'rm -f "$output"' EXIT
failed=()

# packages that have a fuzz target, as ./folder, from the tests' text; asking each package would build them all.
packages() { grep -rl --include='*_test.go' '^func Fuzz' app gateway sim scripts 2>/dev/null | xargs -r -n 1 dirname | sort -u | sed 's|^|./|'; }

# broken tells a finding from the end of time: go test also calls it a failure when its workers are not done in time.
broken() { grep -qE 'Failing input written|panic:|--- FAIL: .*/|hung or terminated unexpectedly: exit|build failed|setup failed' "$output" || ! grep -q 'context deadline exceeded' "$output"; }

run() { # package target
  local began=$SECONDS state=ok
  if ! "$GO" test -tags headless -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 20x "$1" >"$output" 2>&1 && broken; then
    state=FAILED
    failed+=("$2 in $1")
  fi
  local tries
  tries=$(sed -nE 's/.*execs: ([0-9]+).*/\1/p' "$output" | tail -1)
  printf '%-28s %-24s %4d s %12s inputs   %s\n' "$2" "$1" $((SECONDS - began)) "${tries:-0}" "$state"
  if [[ $state == FAILED ]]; then
    tail -n 60 "$output"
  fi
}

for package in $(packages); do
  if ! targets=$("$GO" test -tags headless -list '^Fuzz' "$package" 2>"$output"); then
    cat "$output"
    failed+=("$package, which does not build")
    continue
  fi
  for target in $(grep '^Fuzz' <<<"$targets"); do
    if [[ $target == *"$only"* ]]; then
      run "$package" "$target"
    fi
  done
done

if ((oracle > 0)) && [[ -z $only ]]; then
  began=$SECONDS
  if GATEHOUSE_ORACLE=$oracle "$GO" test -tags headless -count 1 -timeout 60m -run '^TestTheOracle' ./gateway/conformance >"$output" 2>&1; then
    state=ok
  else
    state=FAILED
    failed+=("the oracle")
  fi
  printf '%-28s %-24s %4d s %12s sessions %s\n' TheOracle ./gateway/conformance $((SECONDS - began)) "$oracle" "$state"
  if [[ $state == FAILED ]]; then
    tail -n 100 "$output"
  fi
fi

if ((${#failed[@]})); then
  printf 'Failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
