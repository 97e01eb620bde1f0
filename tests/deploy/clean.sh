#!/usr/bin/env bash
# Removes every container, image and mount that the deployment suite made.
. "$(dirname "${BASH_SOURCE[0]}")/engine.sh"
"$(dirname "${BASH_SOURCE[0]}")/pod" rm --all --force --time 0 >/dev/null
buildah rm --all >/dev/null
if mountpoint -q "$DEPLOY_WORK/namespaces/mount"; then umount "$DEPLOY_WORK/namespaces/mount"; fi
if mountpoint -q "$DEPLOY_WORK/namespaces"; then umount "$DEPLOY_WORK/namespaces"; fi
if mountpoint -q "$DEPLOY_WORK/store/overlay"; then umount "$DEPLOY_WORK/store/overlay"; fi
rm -rf "$DEPLOY_WORK"
