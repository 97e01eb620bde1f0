# shellcheck shell=bash
# Sourced by the other scripts: buildah and podman over an image store of this suite's own, so that nothing on the machine is
# touched or relied on, and never a pull: a base image that bases.sh did not make is an error.
set -euo pipefail
: "${DEPLOY_WORK:=/var/tmp/cognito-auth-proxy-deploy}"
export DEPLOY_WORK
mkdir -p "$DEPLOY_WORK"

cat >"$DEPLOY_WORK/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$DEPLOY_WORK/store"
runroot = "$DEPLOY_WORK/run"
CONF
# crun accepts no limit above the one this process has; cgroups only where a test asks for a memory limit.
cat >"$DEPLOY_WORK/containers.conf" <<CONF
[containers]
cgroups = "disabled"
log_driver = "k8s-file"
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=16384:16384"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
pull_policy = "never"
[network]
network_backend = "netavark"
network_config_dir = "$DEPLOY_WORK/networks"
CONF
export CONTAINERS_STORAGE_CONF=$DEPLOY_WORK/storage.conf CONTAINERS_CONF=$DEPLOY_WORK/containers.conf
export BUILDAH_ISOLATION=chroot

# What a step of a build needs to fetch packages from here: the machine's name lookup, and the authorities it trusts, which
# may be more than an image's own. They lie at a path that no package owns, and no Dockerfile knows of them.
readonly authorities=/run/host-authorities.crt
printf '[http]\ncainfo = "%s"\n' "$authorities" >"$DEPLOY_WORK/cargo.toml"
printf '[global]\ncert = %s\n' "$authorities" >"$DEPLOY_WORK/pip.conf"
# shellcheck disable=SC2034 # for those who source this
build_options=(
  --network host
  --volume "/etc/ssl/certs/ca-certificates.crt:$authorities:ro"
  --volume "$DEPLOY_WORK/cargo.toml:/.cargo/config.toml:ro"
  --volume "$DEPLOY_WORK/pip.conf:/etc/pip.conf:ro"
)
