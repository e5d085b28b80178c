#!/usr/bin/env bash
# Installs what is missing, builds the release and runs every test; with --sanitize, builds with the
# address and undefined behaviour sanitizers instead and runs every test under them.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=release
case "${1:-}" in
  "") ;;
  --sanitize) preset=sanitize ;;
  *) echo "usage: scripts/test.sh [--sanitize]" >&2; exit 2 ;;
esac
scripts/build.sh "$preset"
export UBSAN_OPTIONS=print_stacktrace=1
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error
