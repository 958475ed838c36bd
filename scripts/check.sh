#!/usr/bin/env bash
# What every commit passes: format, lints, docs, layers, dependencies.
#
#   scripts/check.sh           all of it
#   scripts/check.sh --fuzz    then fuzzes each target as well, a minute each (FUZZ_SECONDS=60)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh

fuzz=no
case ${1:-} in
    '') ;;
    --fuzz) fuzz=yes ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) printf 'check: unknown option %s (see --help)\n' "$1" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*"; }

need cargo 'install Rust by https://rustup.rs'
need_component rustfmt
need_component clippy

step format
cargo fmt --all --check
step clippy
cargo clippy --workspace --all-targets --locked -- -D warnings
# The benchmark is a workspace of its own, so that users never build it.
cargo clippy --manifest-path tests/bench/Cargo.toml --target-dir target --locked -- -D warnings
step docs
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
step layers
scripts/layers.sh
step dependencies
need_cargo_tool cargo-deny 0.20
cargo deny --workspace --log-level error check bans licenses sources
step scripts
for script in scripts/*.sh .ci/run; do bash -n "$script"; done

if [ "$fuzz" = yes ]; then
    need_cargo_tool cargo-fuzz 0.13
    for target in stream messages; do
        step "fuzz $target"
        (cd protocol && RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" -- \
            -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=2048 -print_final_stats=1)
    done
fi
printf '\ncheck: all passed\n'
