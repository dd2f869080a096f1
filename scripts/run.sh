#!/usr/bin/env bash
# Builds Gatehouse and opens its window, with the gateway listening. Arguments are passed on to gatehouse.
#
# Without a display there is no window to open: the gateway then runs in the terminal with the demo's devices, which
# needs nothing but Go.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $(uname) != Darwin && -z ${DISPLAY:-} && -z ${WAYLAND_DISPLAY:-} ]]; then
  echo "There is no display, so no window: the gateway runs here instead, with devices that connect and are refused."
  scripts/packages.sh
  make --no-print-directory headless
  exec bin/gatehouse serve --demo "$@"
fi

scripts/packages.sh build run
if [[ ! -x bin/gatehouse ]]; then
  echo "Building. The first time takes some minutes, because the window's libraries are compiled as well."
fi
make --no-print-directory build
exec bin/gatehouse "$@"
