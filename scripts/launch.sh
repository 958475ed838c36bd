#!/usr/bin/env bash
# Builds bothways and launches several nodes on this machine: a server, two peers and a client,
# and one log that shows each request and each event between them. They tell a story (people, a
# message to a peer that is away, an order that is shipped, one that is refused), then go on.
# Ctrl-C ends it, and leaves nothing behind.
#
#   scripts/launch.sh                      until Ctrl-C
#   scripts/launch.sh --once               checks that each step of it is seen; exits 0 only then
#   scripts/launch.sh -f TOPOLOGY.toml     other nodes (see scripts/topologies)
#   scripts/launch.sh --detach             in the background
#
# All options are those of `bothways dev up`; `bothways dev up --help` lists them. The build is
# the unoptimised one: it is the faster of the two to make, and plenty to look at.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/needs.sh"

case ${1:-} in
    -h | --help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

need cargo 'install Rust by https://rustup.rs, then open a new terminal'
cargo build --manifest-path "$root/Cargo.toml" --package bothways --bin bothways --locked
exec "${CARGO_TARGET_DIR:-$root/target}/debug/bothways" \
    dev up --file "$root/scripts/topologies/roles.toml" "$@"
