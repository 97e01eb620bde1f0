#!/usr/bin/env bash
# The proxy with valid tokens against nginx as a plain reverse proxy: same upstream, same requests, taking turns.
#
#   tests/e2e/bench_nginx.sh [ROUNDS] [SECONDS] [CONNECTIONS]        5 rounds of 5 s, 64 connections unless told
#
# Run by hand, on a machine doing nothing else; needs wrk, nginx, curl and two cores. Each of the two has one worker on the
# first core; wrk and the upstream (nginx with a 64-byte answer) share the second. A round is one run of each, so that
# what drifts, drifts for both; medians are compared. CPU time is the process's own, from /proc/<pid>/stat.
# nginx writes no access log; ours does (to a file) unless the script is run with COGNITO_AUTH_LOG_ACCESS=false.
set -euo pipefail

rounds=${1:-5} seconds=${2:-5} connections=${3:-64}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$(mktemp -d)
pids=()
cleanup() {
  kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

for tool in wrk nginx curl taskset; do
  command -v "$tool" >/dev/null || { echo "needs $tool" >&2; exit 1; }
done
cargo build --release --locked
cargo build --locked --example issuer

free_port() {
  python3 -c 'import random, socket
while True:
    port = random.randrange(20000, 32000)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)): break
print(port)'
}
upstream=$(free_port) plain=$(free_port) ours=$(free_port) admin=$(free_port)

nginx_conf() { # NAME, the http block on stdin
  cat <<C >"$work/$1.conf"
worker_processes 1;
daemon off;
master_process off;
pid $work/$1.pid;
error_log $work/$1.log warn;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  large_client_header_buffers 8 32k;
  client_body_temp_path $work/$1.body;
  proxy_temp_path $work/$1.proxy;
  fastcgi_temp_path $work/$1.fastcgi;
  uwsgi_temp_path $work/$1.uwsgi;
  scgi_temp_path $work/$1.scgi;
$(cat)
}
C
}

nginx_conf upstream <<C
  server {
    listen 127.0.0.1:$upstream;
    default_type text/plain;
    location / { return 200 "$(printf 'a%.0s' {1..64})"; }
  }
C
nginx_conf plain <<C
  upstream app { server 127.0.0.1:$upstream; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:$plain;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host \$host;
      proxy_set_header X-Forwarded-For \$remote_addr;
    }
  }
C

"$target/debug/examples/issuer" >"$work/issuer.json" &
pids+=($!)
taskset -c 1 nginx -p "$work" -c "$work/upstream.conf" &
pids+=($!)
taskset -c 0 nginx -p "$work" -c "$work/plain.conf" &
plain_pid=$!
pids+=("$plain_pid")

for _ in {1..200}; do [ -s "$work/issuer.json" ] && break; sleep 0.05; done
fact() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/issuer.json" "$1"; }

COGNITO_AUTH_LISTEN=127.0.0.1:$ours \
  COGNITO_AUTH_ADMIN_LISTEN=127.0.0.1:$admin \
  COGNITO_AUTH_UPSTREAM_URL=http://127.0.0.1:$upstream \
  COGNITO_AUTH_ALB_ARNS=$(fact alb_arn) \
  COGNITO_AUTH_CLIENT_IDS=$(fact client_id) \
  COGNITO_AUTH_ALB_PUBLIC_KEYS_URL=$(fact keys_url) \
  COGNITO_AUTH_USER_POOL_ID=$(fact user_pool_id) \
  COGNITO_AUTH_COGNITO_JWKS_URL=$(fact jwks_url) \
  COGNITO_AUTH_ALLOWED_GROUPS=staff \
  taskset -c 0 "$target/release/cognito-auth-proxy" >"$work/ours.log" 2>&1 &
ours_pid=$!
pids+=("$ours_pid")

curl --silent --fail "$(fact mint_url)?email=bench@example.com&sub=bench&groups=staff&ttl=86400" >"$work/tokens.json"
mapfile -t fields < <(python3 -c 'import json, sys
for name, value in json.load(open(sys.argv[1])).items(): print(f"{name}: {value}")' "$work/tokens.json")
headers=()
for field in "${fields[@]}"; do headers+=(-H "$field"); done

for port in "$plain" "$ours"; do
  for attempt in {1..200}; do
    [ "$(curl --silent --output /dev/null --write-out '%{http_code}' "${headers[@]}" "http://127.0.0.1:$port/" || true)" = 200 ] && break
    [ "$attempt" -lt 200 ] || { echo "port $port does not answer 200" >&2; cat "$work/ours.log" >&2; exit 1; }
    sleep 0.05
  done
done

ticks() { # user and system time of a process; the name in field 2 may hold spaces
  sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}
measure() { # NAME PID PORT: one line "name requests/s cpu-microseconds/request"
  local before after output
  before=$(ticks "$2")
  output=$(taskset -c 1 wrk --threads 1 --connections "$connections" --duration "${seconds}s" "${headers[@]}" "http://127.0.0.1:$3/")
  after=$(ticks "$2")
  if grep -qE 'Non-2xx|Socket errors' <<<"$output"; then
    printf '%s\n' "$output" >&2
    return 1
  fi
  awk -v name="$1" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" '
    /requests in/ { requests = $1 }
    /Requests\/sec/ { rate = $2 }
    END { printf "%s %.0f %.2f\n", name, rate, ticks / hz * 1e6 / requests }' <<<"$output"
}

measure warm-up "$plain_pid" "$plain" >/dev/null
measure warm-up "$ours_pid" "$ours" >/dev/null
printf '%-8s %12s %16s\n' '' requests/s 'CPU µs/request'
for _ in $(seq "$rounds"); do
  measure nginx "$plain_pid" "$plain"
  measure ours "$ours_pid" "$ours"
done | tee "$work/results" | awk '{ printf "%-8s %12s %16s\n", $1, $2, $3 }'

python3 - "$work/results" <<'P'
import collections, statistics, sys

rates, costs = collections.defaultdict(list), collections.defaultdict(list)
for line in open(sys.argv[1]):
    name, rate, cost = line.split()
    rates[name].append(float(rate))
    costs[name].append(float(cost))
rate = {name: statistics.median(values) for name, values in rates.items()}
cost = {name: statistics.median(values) for name, values in costs.items()}
print(f"medians: nginx {rate['nginx']:.0f}/s at {cost['nginx']:.1f} µs, ours {rate['ours']:.0f}/s at {cost['ours']:.1f} µs")
print(f"ours is {rate['ours'] / rate['nginx']:.2f} × nginx in requests/s, {cost['ours'] / cost['nginx']:.2f} × in CPU per request")
P
grep VmHWM "/proc/$ours_pid/status" | sed 's/^/ours /'
