#!/usr/bin/env bash
# Fails where an import points up. The layers stand here once, lowest first; each may import those
# before it in its line. Usage: scripts/layers.sh
set -euo pipefail
cd "$(dirname "$0")/.."

crates=(protocol certs node tests)
layers=(clock visible json network config exchange metrics logs otlp store transport session client service domain bench node services gateway control)
# What the lower crates do without, because they only compute.
protocol_without='\b(tokio|quinn|rustls)::|std::(fs|net|thread|process|time::(Instant|SystemTime))\b'
certs_without='\b(tokio|quinn)::|std::net::(Tcp|Udp)|std::thread\b'

faults=0
fault() { printf 'layers: %s\n' "$1" >&2; faults=$((faults + 1)); }

position() { # NAME among the rest, or nothing
    local name=$1 at=0 item
    shift
    for item; do
        [ "$item" = "$name" ] && { echo "$at"; return; }
        at=$((at + 1))
    done
}

package() { [ "$1" = node ] && echo bothways || echo "bothways-$1"; }

for ((high = 0; high < ${#crates[@]}; high++)); do
    for ((low = 0; low < high; low++)); do
        manifest=${crates[low]}/Cargo.toml
        if grep -qE "^$(package "${crates[high]}")(\.| =)" "$manifest"; then
            fault "$manifest depends on $(package "${crates[high]}"), which stands above it"
        fi
    done
done

while IFS= read -r line; do fault "a lower crate acts: $line"; done < <(
    grep -rnE "$protocol_without" protocol/src || true
    grep -rnE "$certs_without" certs/src || true
)

while IFS= read -r line; do fault "one path an import, so that this check can read it: $line"; done < <(
    grep -rnE 'use crate::\{' node/src --include='*.rs' || true
)

for path in node/src/*; do
    layer=$(basename "$path" .rs)
    case $layer in lib | main | cli) continue ;; esac
    at=$(position "$layer" "${layers[@]}")
    [ -n "$at" ] || { fault "$path is in no layer: name it in scripts/layers.sh"; continue; }
    while IFS=: read -r file line name; do
        to=$(position "$name" "${layers[@]}")
        if [ -n "$to" ] && [ "$to" -gt "$at" ]; then
            fault "$file:$line: $layer imports $name, which stands above it"
        fi
    done < <(grep -rnoHE 'crate::[a-z_]+' "$path" | sed 's/:crate::/:/' | sort -u)
done

while IFS= read -r line; do fault "the command line sees the library's public items alone: $line"; done < <(
    grep -rnE 'bothways::(transport|session|client|network|clock|node)::' node/src/cli node/src/main.rs || true
)

[ "$faults" -eq 0 ] || { printf 'layers: %d imports point up\n' "$faults" >&2; exit 1; }
echo "layers: every import points down"
