#!/usr/bin/env bash
# Shows one trace over three nodes in a real OpenTelemetry receiver: starts rotel (a collector, from
# PyPI, into target/otlp), has the example `spans` send to it, and looks at what rotel says that it
# was given. Exits 0 where that is one trace of three services, each span under the right one; 3
# where rotel cannot be had.
#
#   scripts/otlp.sh            checks, and says what it saw
#   scripts/otlp.sh -v         prints all that rotel said, too
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh

case ${1:-} in
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

rotel_version=0.0.1a15
target=${CARGO_TARGET_DIR:-target}
home=$target/otlp
need cargo 'install Rust by https://rustup.rs'
need python3 'install python3, with venv and pip'

if [ ! -e "$home/rotel-$rotel_version" ]; then
    rm -rf "$home"
    { python3 -m venv "$home" && "$home/bin/pip" install -q "rotel==$rotel_version"; } >&2 || {
        echo 'otlp: rotel cannot be installed from PyPI' >&2
        rm -rf "$home"
        exit 3
    }
    touch "$home/rotel-$rotel_version"
fi
agent=$("$home/bin/python" -c 'import os, rotel; print(os.path.dirname(rotel.__file__))')/rotel-agent
cargo build --package bothways --example spans --locked

# Two ports that are free now.
read -r http grpc < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in sockets))')
log=$(mktemp)
"$agent" start --otlp-http-endpoint "127.0.0.1:$http" --otlp-grpc-endpoint "127.0.0.1:$grpc" \
    --exporter blackhole --debug-log traces --debug-log-verbosity detailed >"$log" 2>&1 &
receiver=$!
trap 'kill "$receiver" 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$http") 2>/dev/null && break
    sleep 0.1
done

"$target/debug/examples/spans" "http://127.0.0.1:$http"
spans() { grep -c '^Span #' "$log" || true; }
for _ in $(seq 50); do
    [ "$(spans)" -ge 4 ] && break
    sleep 0.1
done
[ "${1:-}" != -v ] || cat "$log"
python3 - "$log" <<'PYTHON'
import re
import sys

service, spans = None, []
for line in open(sys.argv[1]):
    if found := re.search(r'service\.name: Str\((.*)\)', line):
        service = found[1]
    if line.startswith('Span #'):
        spans.append({'service': service})
    if found := re.match(r'\s+(Trace ID|Parent ID|ID|Name|Kind)\s*: (\S*)', line):
        spans[-1][found[1]] = found[2]
traces = {span['Trace ID'] for span in spans}
assert len(spans) == 4 and len(traces) == 1, spans
by = {(span['service'], span['Kind'].removeprefix('SPAN_KIND_')): span for span in spans}
way = [('desk', 'CLIENT'), ('hub', 'SERVER'), ('hub', 'CLIENT'), ('depot', 'SERVER')]
parent = ''
for depth, place in enumerate(way):
    span = by[place]
    assert span['Parent ID'] == parent, (place, span)
    parent = span['ID']
    print('otlp:', '  ' * depth + f'{span["service"]} {span["Name"]} {place[1].lower()} {span["ID"]}')
print('otlp: one trace over three nodes:', *traces)
PYTHON
