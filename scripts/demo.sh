#!/usr/bin/env bash
# The main job: trains Bigram-Backcopy with four positional encodings and draws how their waiver
# elements emerge. Nothing is downloaded. What is already done is not repeated.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh release waiver
build/release/waiver sweep experiments/emergence.yaml --out runs/emergence --resume
scripts/figures.py runs/emergence
echo
echo "Figures: runs/emergence/figures/emergence.png and .pdf"
