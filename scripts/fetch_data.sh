#!/usr/bin/env bash
# Downloads a public corpus into data/ and checks its sha256: scripts/fetch_data.sh tinyshakespeare
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  tinyshakespeare)
    url=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
    sha256=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed
    ;;
  *)
    echo "usage: scripts/fetch_data.sh tinyshakespeare" >&2
    exit 2
    ;;
esac

file=data/$1.txt
good() { [[ -f $1 ]] && echo "$sha256  $1" | sha256sum --check --status; }

if good "$file"; then
  echo "$file already exists."
  exit 0
fi
trap 'rm -f "$file.part"' EXIT
if command -v curl >/dev/null; then
  curl -fsSL -o "$file.part" "$url"
elif command -v wget >/dev/null; then
  wget -q -O "$file.part" "$url"
else
  echo "Downloading needs curl or wget; or put the file from $url at $file yourself." >&2
  exit 1
fi || { echo "$url could not be downloaded. Put the file at $file yourself." >&2; exit 1; }
if ! good "$file.part"; then
  echo "The download from $url is not the expected file (sha256 $sha256)." >&2
  exit 1
fi
mv "$file.part" "$file"
echo "$file"
