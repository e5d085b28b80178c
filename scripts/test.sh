#!/usr/bin/env bash
# Installs what is missing, builds the release and runs every test. With --strict, which every
# change must pass, an unformatted file or a warning fails too. With --sanitize, builds with
# the address and undefined behaviour sanitizers instead and runs every test under them.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=release
case "${1:-}" in
  "") ;;
  --strict) preset=strict ;;
  --sanitize) preset=sanitize ;;
  *) echo "usage: scripts/test.sh [--strict | --sanitize]" >&2; exit 2 ;;
esac
scripts/setup.sh
[[ $preset != strict ]] || scripts/format.sh --check
scripts/build.sh "$preset"
export UBSAN_OPTIONS=print_stacktrace=1
ctest --preset "$preset"
