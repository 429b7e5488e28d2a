# common.sh - what the doors (scripts/demo, test, bench, torture) share. Sourced by bash.
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${LEAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/leat}
JOBS=${LEAT_JOBS:-$(nproc)}

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

BUILD_PACKAGES=(gcc g++ cmake ninja-build pkg-config ccache libmariadb-dev libhiredis-dev librdkafka-dev
  liblua5.4-dev libyaml-dev libmicrohttpd-dev libzstd-dev zlib1g-dev libssl-dev libcurl4-openssl-dev)
SERVER_PACKAGES=(mariadb-server-core mariadb-client-core redis-tools openssl)
TEST_PACKAGES=(libcmocka-dev clang llvm libclang-rt-14-dev python3 make binutils util-linux procps curl
  maven openjdk-17-jdk-headless unzip libaio1 libnuma1 perl)

POWER_PACKAGES=(e2fsprogs xfsprogs btrfs-progs fuse3 libfuse3-dev util-linux)

# Installs what is missing of the named Debian packages; prints a sudo command before it runs it.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "these Debian packages are needed, and there is no apt-get: ${missing[*]}"
  local as=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "run as root once: apt-get install ${missing[*]}"
    as=(sudo)
  fi
  say "installing: ${as[*]:+${as[*]} }apt-get install ${missing[*]}"
  local log=$TOP/build/apt.log; mkdir -p "$TOP/build"
  if ! { "${as[@]}" apt-get update -qq &&
         "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
           --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2; rm -f "$log"; die "apt-get failed"
  fi
  rm -f "$log"
  for package in "${missing[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      die "package $package is still not installed"
  done
}

# build NAME [cmake options]: configures and builds build/NAME; prints only what went wrong.
build() {
  local name=$1; shift
  local dir=$TOP/build/$name log=$TOP/build/$name.log
  mkdir -p "$TOP/build"
  if ! { cmake -S "$TOP" -B "$dir" -G Ninja "$@" && ninja -C "$dir" -j "$JOBS"; } >"$log" 2>&1; then
    grep -E 'error|Error|FAILED|warning' "$log" | head -40 >&2 || true
    tail -15 "$log" >&2
    rm -f "$log"
    die "building $dir failed"
  fi
  rm -f "$log"
}

# wait_for SECONDS COMMAND...: until it succeeds; false when the time is up.
wait_for() {
  local until=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.1
  done
}
