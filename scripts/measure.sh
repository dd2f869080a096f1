#!/usr/bin/env bash
# Measures what docs/performance.md says of the program as a whole: start to listening, start to first window, and what
# the idle window costs. Connects and messages per second are Go benchmarks; the document names them.
#
# Needs the packages of `scripts/packages.sh build run test`. Everything it starts, it ends.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${ROUNDS:-7}
idle_seconds=${IDLE_SECONDS:-20}
work=$(mktemp -d)
pids=()
cleanup() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

now() { date +%s%N; }
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

# listening DATA prints the milliseconds from start to the line that says ready, and ends the gateway.
listening() {
  local began line
  began=$(now)
  exec 3< <(exec bin/gatehouse serve --json --data "$1" --mqtt 127.0.0.1:0 --http off 2>/dev/null)
  local pid=$!
  read -r line <&3
  echo $((($(now) - began) / 1000000))
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
  exec 3<&-
}

# window DATA SECONDS prints: milliseconds to the first visible window, resident memory in MiB, CPU in percent of a core.
window() {
  local began pid before after
  began=$(now)
  bin/gatehouse --data "$1" --mqtt 127.0.0.1:0 --http off 2>/dev/null &
  pid=$!
  pids+=("$pid")
  until xdotool search --onlyvisible --name '^Gatehouse$' >/dev/null 2>&1; do sleep 0.01; done
  local took=$((($(now) - began) / 1000000))
  sleep 3 # start-up is not idleness
  before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
  sleep "$2"
  after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
  local memory
  memory=$(awk '/VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status")
  awk -v t="$took" -v m="$memory" -v d=$((after - before)) -v s="$2" -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "%d %d %.1f\n", t, m, 100 * d / hz / s }'
  kill -TERM "$pid"
  wait "$pid" || true
}

make --no-print-directory build >/dev/null

for ((i = 0; i < rounds; i++)); do listening "$work/new$i"; done | median | sed 's/^/start to listening, first start (makes keys and certificates), ms: /'
for ((i = 0; i < rounds; i++)); do listening "$work/new0"; done | median | sed 's/^/start to listening, later starts, ms: /'

display=:$((200 + RANDOM % 700))
Xvfb "$display" -screen 0 1280x800x24 -nolisten tcp >/dev/null 2>&1 &
pids+=($!)
export DISPLAY=$display LIBGL_ALWAYS_SOFTWARE=1
until xdotool getdisplaygeometry >/dev/null 2>&1; do sleep 0.05; done

for ((i = 0; i < 3; i++)); do window "$work/new0" 0.1; done | awk '{ print $1 }' | median | sed 's/^/start to first window, ms: /'
window "$work/new0" "$idle_seconds" | awk '{ print "idle window: memory " $2 " MiB, CPU " $3 " % of a core" }'
