#!/usr/bin/env bash
# Builds the image with podman or docker, whichever is there.
#
#   IMAGE=registry.example.com/stream:0.2.0 deploy/build-image.sh     default: localhost/amplitude-appsflyer-stream:dev
#   ENGINE=docker deploy/build-image.sh                               where both are there
#   COMPILED=1 deploy/build-image.sh                                  what an event passes through compiled to C
#
# An index of your own (pip's index-url, extra-index-url, trusted-host, proxy) reaches the build as a secret: no layer and
# no history of the image holds it.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-localhost/amplitude-appsflyer-stream:dev}
engine=${ENGINE:-$(command -v podman || command -v docker || true)}
if [ -z "$engine" ]; then echo "podman or docker is needed, and neither is on the PATH." >&2; exit 2; fi

python=.venv/bin/python
[ -x "$python" ] || python=python3
pip_conf=$(mktemp)
trap 'rm -f "$pip_conf"' EXIT
{
    echo "[global]"
    # What the environment says comes last, and the last one counts.
    "$python" -m pip config list 2>/dev/null |
        sed -nE "s/^(global|install|:env:)\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'$/\2 = \3/p" |
        awk -F ' = ' '{ last[$1] = $0 } END { for (name in last) print last[name] }'
} > "$pip_conf"

options=(--file deploy/Containerfile --tag "$image")
options+=(--build-arg "VERSION=$(sed -nE 's/^version = "(.*)"/\1/p' pyproject.toml)")
options+=(--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)")
if [ -n "${COMPILED:-}" ]; then options+=(--build-arg "COMPILED=$COMPILED"); fi
if [ "$(wc -l < "$pip_conf")" -gt 1 ]; then options+=(--secret "id=pip,src=$pip_conf"); fi
# The health check is a part of Docker's format only.
case $("$engine" --version) in *podman*) options+=(--format docker) ;; esac
"$engine" build "${options[@]}" .
echo "built $image: $("$engine" image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
