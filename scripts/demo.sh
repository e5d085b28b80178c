#!/usr/bin/env bash
# The main job: trains Bigram-Backcopy with four positional encodings, draws how their waiver
# elements emerge, and says it in a sentence each. Nothing is downloaded. What is already done is
# not repeated.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh release waiver
build/release/waiver sweep experiments/emergence.yaml --out runs/emergence --resume
scripts/figures.py runs/emergence
build/release/waiver report runs/emergence --runs >/dev/null
for position in none learned rope alibi; do
  printf '\n%s, seed 0:\n' "$position"
  build/release/waiver show "runs/emergence/position.kind=$position,seed=0" | sed -n '1,/^$/p' | sed '$d'
done
printf '\nFigure: runs/emergence/figures/emergence.png\nPage: runs/emergence/report.html\n'
