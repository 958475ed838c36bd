#!/usr/bin/env bash
# Runs every test: unit, documentation, scenarios with real nodes, the program as a user runs it, a
# few rounds of scripts/faults.sh, spans in a real OpenTelemetry receiver, the page in a browser.
# Installs what they need (Debian packages, through apt) and says what could not be run.
#
#   scripts/test.sh            all
#   scripts/test.sh FILTER…    those whose names contain one of the filters
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh

case ${1:-} in
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

export RUST_BACKTRACE=0
missing=()
left_out=()
need cargo 'install Rust by https://rustup.rs'
# openssl judges the certificates that we issue.
need_package openssl openssl || missing+=('openssl: the certificates are not judged by another program')
if [ "$(id -u)" -eq 0 ]; then
    for tool in 'mkfs.ext4 e2fsprogs' 'strace strace' 'python3 python3'; do
        need_package ${tool% *} ${tool#* } || missing+=("${tool#* }: no power is cut")
    done
else
    left_out+=('power cuts: they take root')
fi

browser=yes
for tool in 'node nodejs' 'npm npm' 'chromium chromium'; do
    need_package ${tool% *} ${tool#* } || { missing+=("${tool#* }: the page is not looked at"); browser=no; }
done

# The scenarios run the program: it has to be there, and new.
cargo build --workspace --all-targets --locked
status=0
cargo test --workspace --locked --no-fail-fast -- "$@" || status=$?
if [ $# -eq 0 ]; then
    ./scripts/launch.sh --once || { status=1; echo 'test: launch.sh --once failed' >&2; }
    otlp=0
    ./scripts/otlp.sh || otlp=$?
    case $otlp in
        0) ;;
        3) missing+=('rotel: no OpenTelemetry receiver looks at the spans') ;;
        *) status=1; echo 'test: otlp.sh failed' >&2 ;;
    esac
    if [ "$browser" = yes ]; then
        ./tests/page/run.sh || { status=1; echo 'test: the page failed' >&2; }
    fi
fi

for note in "${left_out[@]}"; do printf 'test: NOT RUN, %s\n' "$note" >&2; done
for note in "${missing[@]}"; do printf 'test: NOT RUN, %s\n' "$note" >&2; done
[ ${#missing[@]} -eq 0 ] || status=1
exit "$status"
