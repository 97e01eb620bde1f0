#!/usr/bin/env bash
# Makes stand-ins for the base images that our Dockerfiles name, out of Debian's packages and this machine's Rust toolchain,
# because no image can be pulled where the suite runs. What is inside follows the originals: same paths, variables and packages.
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh"

readonly suite=bookworm
readonly debian=docker.io/library/debian:$suite-slim
readonly rust=docker.io/library/rust:1.95-slim-$suite
readonly python=docker.io/library/python:3.11-slim-$suite
readonly path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

made() { buildah inspect --type image "$1" >/dev/null 2>&1; }

# The mirrors are the machine's; the archives and indices of packages do not belong in an image.
install_packages() { # CONTAINER PACKAGE...
  local container=$1
  shift
  buildah run "${build_options[@]}" "$container" -- sh -ec '
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends "$@" >/dev/null 2>&1
    apt-get clean
    rm -rf /var/lib/apt/lists/*' sh "$@"
}

make_debian() {
  local root=$DEPLOY_WORK/debian mirror container
  mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
  [ -e "$root/.complete" ] || { rm -rf "$root" && debootstrap --variant=minbase "$suite" "$root" "$mirror" >/dev/null; }
  cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
  : >"$root/etc/apt/sources.list"
  touch "$root/.complete"
  container=$(buildah from scratch)
  tar -C "$root" --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* --exclude=./usr/share/doc/* \
    --exclude=./usr/share/man/* --exclude=./usr/share/locale/* --exclude=./.complete -c . | tar -C "$(buildah mount "$container")" -x
  buildah config --cmd bash --env "PATH=$path" "$container"
  buildah commit --quiet --rm "$container" "$debian"
}

make_rust() {
  local container toolchain root tool
  container=$(buildah from --pull-never "$debian")
  install_packages "$container" ca-certificates gcc libc6-dev
  toolchain=$(rustc --print sysroot)
  root=$(buildah mount "$container")
  mkdir -p "$root/usr/local/rustup/toolchains" "$root/usr/local/cargo/bin"
  tar -C "$(dirname "$toolchain")" --exclude='*/share/doc' --exclude='*/share/man' -c "$(basename "$toolchain")" |
    tar -C "$root/usr/local/rustup/toolchains" -x
  for tool in "$toolchain"/bin/*; do
    ln -s "/usr/local/rustup/toolchains/$(basename "$toolchain")/bin/$(basename "$tool")" "$root/usr/local/cargo/bin/"
  done
  buildah config --cmd bash --env RUSTUP_HOME=/usr/local/rustup --env CARGO_HOME=/usr/local/cargo \
    --env "PATH=/usr/local/cargo/bin:$path" "$container"
  buildah commit --quiet --rm "$container" "$rust"
}

make_python() {
  local container
  container=$(buildah from --pull-never "$debian")
  install_packages "$container" ca-certificates python3 python3-pip python3-venv
  # shellcheck disable=SC2016 # the shell in the container expands it
  buildah run "$container" -- sh -ec '
    rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
    for name in python pip; do
      ln -s "/usr/bin/${name}3" "/usr/local/bin/$name"
      ln -s "/usr/bin/${name}3" "/usr/local/bin/${name}3"
    done'
  buildah config --cmd python3 "$container"
  buildah commit --quiet --rm "$container" "$python"
}

made "$debian" || make_debian
made "$rust" || make_rust
made "$python" || make_python
