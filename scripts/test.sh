#!/usr/bin/env bash
# Installs what is missing, builds the release and runs every test.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
ctest --test-dir build/release --output-on-failure --no-tests=error
