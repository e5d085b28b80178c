#!/usr/bin/env bash
# Installs what is missing and builds the release into build/release.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
cmake --preset release >build-release.log 2>&1 || { cat build-release.log >&2; exit 1; }
cmake --build --preset release
rm -f build-release.log
