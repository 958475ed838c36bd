#!/usr/bin/env bash
# Measures bothways beside quinn, tonic and tarpc, and ends with status 1 where it falls short of a
# goal; `scripts/bench.sh --help` says how to choose.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cargo build --release --locked --quiet \
    --manifest-path "$root/tests/bench/Cargo.toml" --target-dir "$root/target"
exec "$root/target/release/bothways-bench" --out "$root/target/bench" "$@"
