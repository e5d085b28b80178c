#!/usr/bin/env bash
# Puts a public corpus into data/ and checks its sha256: scripts/fetch_data.sh CORPUS
#   tinyshakespeare        downloaded
#   tinyshakespeare_twice  made from it: every line comes twice, the next one between, so that half of it can be copied from before
set -euo pipefail
cd "$(dirname "$0")/.."

plain=data/tinyshakespeare.txt
plain_sha256=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed
twice=data/tinyshakespeare_twice.txt
twice_sha256=bf790ea0820d0ed300a8cbdd314035198c0d8e42559b060ad05e49de334dd3db
url=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt

good() { [[ -f $1 ]] && echo "$2  $1" | sha256sum --check --status; }
trap 'rm -f "$plain.part" "$twice.part"' EXIT

download() {
  good "$plain" "$plain_sha256" && return
  if command -v curl >/dev/null; then
    curl -fsSL -o "$plain.part" "$url"
  elif command -v wget >/dev/null; then
    wget -q -O "$plain.part" "$url"
  else
    echo "Downloading needs curl or wget; or put the file from $url at $plain yourself." >&2
    exit 1
  fi || { echo "$url could not be downloaded. Put the file at $plain yourself." >&2; exit 1; }
  if ! good "$plain.part" "$plain_sha256"; then
    echo "The download from $url is not the expected file (sha256 $plain_sha256)." >&2
    exit 1
  fi
  mv "$plain.part" "$plain"
}

make_twice() {
  good "$twice" "$twice_sha256" && return
  awk '{ gsub(/^[ \t]+|[ \t\r]+$/, "") } length == 0 { next } seen++ { print; print last } { last = $0 }' "$plain" > "$twice.part"
  if ! good "$twice.part" "$twice_sha256"; then
    echo "What this machine's awk makes of $plain is not the expected file (sha256 $twice_sha256)." >&2
    exit 1
  fi
  mv "$twice.part" "$twice"
}

case ${1:-} in
  tinyshakespeare) download; echo "$plain" ;;
  tinyshakespeare_twice) download; make_twice; echo "$twice" ;;
  *)
    echo "usage: scripts/fetch_data.sh tinyshakespeare | tinyshakespeare_twice" >&2
    exit 2
    ;;
esac
