#!/usr/bin/env bash
# Kills a server, cuts its power and stops it while callers write, judges what they saw, and ends
# with status 1 where a promise was broken; `scripts/faults.sh --help` says how to choose.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/needs.sh"

need cargo 'install Rust by https://rustup.rs'
if [ "$(id -u)" -eq 0 ]; then
    # Without them the power cuts are said to be not run.
    need_package mkfs.ext4 e2fsprogs >&2 || true
    need_package strace strace >&2 || true
    need_package python3 python3 >&2 || true
fi
cargo build --manifest-path "$root/Cargo.toml" --locked --quiet \
    --package bothways --bin bothways --package bothways-tests --bin bothways-faults
exec "${CARGO_TARGET_DIR:-$root/target}/debug/bothways-faults" "$@"
