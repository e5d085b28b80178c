#!/usr/bin/env bash
# Installs what is missing and builds a preset, by default the release, into build/: everything, or
# only the named targets: scripts/build.sh [PRESET [TARGET...]].
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release} targets=("${@:2}")
scripts/setup.sh
mkdir -p build
cmake --preset "$preset" >build/configure.log 2>&1 || { cat build/configure.log >&2; exit 1; }
cmake --build --preset "$preset" --target "${targets[@]:-all}"
