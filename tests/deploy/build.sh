#!/usr/bin/env bash
# Builds a Dockerfile as it is against the base images that bases.sh made.
#   build.sh TAG CONTEXT [further options of `buildah build`]
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh"
tag=$1 context=$2
shift 2
exec buildah build --format docker --pull-never --layers "${build_options[@]}" "$@" --tag "$tag" "$context"
