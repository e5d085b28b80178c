#!/usr/bin/env bash
# Installs what Waiver needs and this machine lacks (Debian packages). If it cannot, it prints
# exactly what is needed and stops.
set -euo pipefail

packages=(cmake ninja-build g++ git libdnnl-dev libhdf5-dev zlib1g-dev libssl-dev libyaml-cpp-dev
          doctest-dev libcli11-dev libfmt-dev nlohmann-json3-dev libeigen3-dev libcpp-httplib-dev pkgconf node-d3 libopenmpi-dev openmpi-bin
          hdf5-tools python3-h5py python3-matplotlib python3-yaml clang-format chromium chromium-driver python3-selenium)

explain() {
  cat >&2 <<TEXT
$1
Waiver needs: CMake 3.22, Ninja, a C++20 compiler with OpenMP, git, and the development files of
oneDNN (2.x or 3.x), HDF5 (C, with its high-level library), zlib, OpenSSL, yaml-cpp, doctest, CLI11, fmt,
nlohmann-json and Eigen 3; for the page D3 (node-d3) and cpp-httplib; to train with several processes Open MPI;
h5dump and h5diff for some tests, and for those of the page Chromium with its driver and Selenium; for the figures
Python 3 with h5py, matplotlib and yaml; for the format of the sources clang-format 14.
On Debian 12:
  apt-get install ${packages[*]}
TEXT
  exit 1
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  explain "This is not a Debian-like system, so nothing was installed."

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [[ $state == "install ok installed" ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  sudo -n true 2>/dev/null || { [[ -t 0 ]] && command -v sudo >/dev/null && sudo -v; } ||
    explain "Missing: ${missing[*]}. Installing them needs root."
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq || explain "The package lists could not be fetched."
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
  explain "These packages could not be installed: ${missing[*]}."
