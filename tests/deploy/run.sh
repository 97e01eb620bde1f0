#!/usr/bin/env bash
# The deployment suite: the image, built by the Dockerfile as it is and run as a platform runs it; the Compose files; what linters say.
#
#   tests/deploy/run.sh [pytest arguments]        tests/deploy/run.sh -k drain
#
# Needs root, the Rust toolchain, python3 with venv, and Debian's buildah, podman, crun, netavark, aardvark-dns, catatonit,
# debootstrap, iptables, iproute2, openssl and systemd. No image is ever pulled: bases.sh makes stand-ins. Images and containers are under
# $DEPLOY_WORK (/var/tmp/cognito-auth-proxy-deploy unless set; `tests/deploy/clean.sh` removes it), the Python environment in .work/.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/engine.sh"
root=$(cd "$here/../.." && pwd)
venv=$here/.work/venv
target=${CARGO_TARGET_DIR:-$root/target}

for tool in buildah podman crun debootstrap iptables openssl systemd-analyze; do
  if ! command -v "$tool" >/dev/null; then
    echo "needs $tool: nothing here is skipped without it" >&2
    exit 1
  fi
done

wanted=$(cat "$here"/requirements*.txt "$here/constraints.txt" | sha256sum)
if [ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  lists=("$here"/requirements*.txt)
  "$venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$here/constraints.txt" "${lists[@]/#/--requirement=}"
  printf '%s\n' "$wanted" >"$venv/installed"
fi

cd "$root"
"$here/bases.sh"
"$here/build.sh" localhost/cognito-auth-proxy:latest . --build-arg "REVISION=$(git rev-parse HEAD)"
"$here/build.sh" localhost/cognito-auth-proxy-example-app:latest config/compose
# What `check` says of the settings in config/, and the issuer of test tokens.
# The release build is the one the end-to-end suite has made already.
cargo build --release --locked
cargo build --locked --example issuer

cd "$here"
DEPLOY_ISSUER=$target/debug/examples/issuer DEPLOY_PROXY=$target/release/cognito-auth-proxy exec "$venv/bin/python" -m pytest "$@"
