#!/usr/bin/env bash
# Measures bothways beside bare quinn; `scripts/bench.sh --help` says how to choose.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo build --release --locked --quiet \
    --manifest-path "$root/tests/bench/Cargo.toml" --target-dir "$root/target"
exec "$root/target/release/bothways-bench" --out "$root/target/bench" "$@"
