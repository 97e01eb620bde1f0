#!/usr/bin/env bash
# The end-to-end suite: the release binary in front of real Gradio, Streamlit and FastAPI applications, used by their
# clients and by a real browser.
#
#   tests/e2e/run.sh [pytest arguments]        tests/e2e/run.sh -k heartbeat
#
# Needs bash, python3 with venv, Debian's chromium, faketime, groff-base and prometheus, and the Rust toolchain. Everything it makes is in .work/
# (the Python environments) and artefacts/ (logs of every process and screenshots of the last run), both beside this file
# and both ignored by git.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

if ! command -v chromium >/dev/null; then
  echo "needs chromium (and a font: fonts-dejavu-core): the browser tests are not skipped without it" >&2
  exit 1
fi

if ! command -v faketime >/dev/null; then
  echo "needs faketime: the tests of a clock that steps are not skipped without it" >&2
  exit 1
fi

for tool in groff prometheus promtool; do
  if ! command -v "$tool" >/dev/null; then
    echo "needs $tool: nothing is skipped without it (RUNLEVEL=1 apt-get install groff-base prometheus)" >&2
    exit 1
  fi
done

# Makes the environment NAME of what REQUIREMENTS and CONSTRAINTS say, unless it is there already.
environment() { # NAME REQUIREMENTS CONSTRAINTS
  local venv=$here/.work/$1 wanted
  wanted=$(cat "$here/$2" "$here/$3" | sha256sum)
  if [ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/$2"
    printf '%s\n' "$wanted" >"$venv/installed"
  fi
}
environment venv requirements.txt constraints.txt
environment aws requirements-aws.txt constraints-aws.txt

cd "$root"
cargo build --release --locked
# The issuer is a tool of the tests: a development build of it links in a fraction of the time.
cargo build --locked --example issuer

mkdir -p "$here/artefacts"
rm -rf "$here"/artefacts/*.log "$here"/artefacts/screenshots "$here"/artefacts/outside.txt
cd "$here"
E2E_PROXY=$target/release/cognito-auth-proxy \
  E2E_ISSUER=$target/debug/examples/issuer \
  exec "$here/.work/venv/bin/python" -m pytest "$@"
