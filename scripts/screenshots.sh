#!/usr/bin/env bash
# Draws docs/screenshots anew: every screen and what the guide tells of, dark and light, in a real window on a display
# without a screen. The pictures are reduced to 256 colours, which are more than the window has but for the edges of letters.
set -euo pipefail
cd "$(dirname "$0")/.."
export GO=${GO:-go} TAGS=${TAGS:-migrated_fynedo}

scripts/packages.sh build test
mkdir -p docs/screenshots
"$GO" build -tags "$TAGS e2e" -o bin/gatehouse-e2e ./app
GATEHOUSE_E2E=$PWD/bin/gatehouse-e2e GATEHOUSE_SHOTS=$PWD/docs/screenshots CGO_ENABLED=0 \
  "$GO" test -tags e2e -count 1 -timeout 10m -run 'TestEveryScreenShowsTheDemo|TestTheWindowDoesWhatTheGuideTells' ./app/e2e
mogrify -dither None -colors 256 -define png:compression-level=9 -define png:exclude-chunks=date,time docs/screenshots/*.png
ls docs/screenshots
