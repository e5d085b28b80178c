#!/usr/bin/env bash
# Formats src/ and tests/ with clang-format 14; with --check, only lists the files that differ and
# fails if there are any. Other versions format differently, so they are not used.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  "" | --check) ;;
  *) echo "usage: scripts/format.sh [--check]" >&2; exit 2 ;;
esac
for program in clang-format-14 clang-format; do
  version=$("$program" --version 2>/dev/null) && [[ $version == *"version 14."* ]] && break
  program=
done
if [[ -z $program ]]; then
  echo "scripts/format.sh: skipped. It needs clang-format 14; found: ${version:-none}." >&2
  exit 0
fi

mapfile -t files < <(find src tests -name '*.cpp' -o -name '*.h' | sort)
if [[ -z ${1:-} ]]; then
  "$program" -i "${files[@]}"
else
  differ=$("$program" --dry-run "${files[@]}" 2>&1 | sed -n 's/^\([^ :]*\):.*/\1/p' | sort -u)
  [[ -z $differ ]] || { echo "$differ"; echo "Run scripts/format.sh: these files are not formatted." >&2; exit 1; }
fi
