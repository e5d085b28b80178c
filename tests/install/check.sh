#!/usr/bin/env bash
# Installs a build, moves what was installed elsewhere, and there builds and runs the program of this
# folder with it: check.sh BUILD [CMAKE [COMPILER]].
set -euo pipefail
build=$1 cmake=${2:-cmake}
[[ -z ${3:-} ]] || export CXX=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$build/install_check
rm -rf "$work"
mkdir -p "$work"
"$cmake" --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/prefix"
if grep -rIlF -e "$build" "$work/prefix"; then
  echo "These installed files name the folder of the build." >&2
  exit 1
fi
"$work/prefix/bin/waiver" --version
"$cmake" -S "$here" -B "$work/example" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$work/prefix" \
         >"$work/configure.log" 2>&1 || { cat "$work/configure.log" >&2; exit 1; }
"$cmake" --build "$work/example"
"$work/example/example"
