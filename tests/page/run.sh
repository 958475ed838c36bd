#!/usr/bin/env bash
# Looks at the page of a running node in Debian's chromium, as people do: nodes, requests, events,
# refusals, a node that goes and comes back, another page that attacks, hostile words. Leaves
# screenshots in target/page. Usage: tests/page/run.sh [NAME…], tests whose names contain one.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
place=$target/page
mkdir -p "$place"
cp package.json package-lock.json "$place"
[ "$place/node_modules/.package-lock.json" -nt "$place/package-lock.json" ] ||
    npm ci --prefix "$place" --no-audit --no-fund --silent
export BOTHWAYS=$target/debug/bothways PLACE=$place NAMES="$*"
exec node page.mjs
