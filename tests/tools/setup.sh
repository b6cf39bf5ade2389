# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What ./demo and ./check share: packages, builds, and saying what goes on. Sourced, not run.

# Packages of Debian 12 and 13; docs/DEPENDENCIES.md says why each is there.
BUILD_PACKAGES="gcc g++ libc6-dev binutils cmake ninja-build flex bison pkg-config llvm-19-dev liblld-19-dev libprotobuf-c-dev protobuf-c-compiler
    libonnx-dev libjansson-dev libxml2-dev libxxhash-dev libjpeg62-turbo-dev libpng-dev libwebp-dev zlib1g-dev libhdf5-dev"
TEST_PACKAGES="clang-format-19 llvm-19-tools llvm-19 libcmocka-dev python3 python3-venv git procps strace qemu-user
    valgrind cargo golang-go dpkg-dev file unzip zsh fish"

ROOT_PACKAGES="debootstrap qemu-user-static"
BROWSER_PACKAGES="chromium fonts-liberation"
FUZZ_PACKAGES="clang-19 libclang-rt-19-dev"
SOURCE_PACKAGES="dpkg-dev make xz-utils"
CROSS_PACKAGES="gcc-aarch64-linux-gnu libc6-dev-arm64-cross libjpeg62-turbo-dev:arm64 libpng-dev:arm64 libwebp-dev:arm64
    zlib1g-dev:arm64"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

# Installs those of the named packages that are missing.
need_packages() {
    missing=$(for p in "$@"; do
        dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$p"
    done)
    [ -z "$missing" ] && return 0
    say "installing packages: $missing"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -q >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
}

# Lets apt install packages of another architecture, NAME:ARCHITECTURE. A later need_packages reads their lists.
need_architecture() {
    dpkg --print-foreign-architectures | grep -qx "$1" && return 0
    say "adding packages for $1"
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo dpkg --add-architecture "$1"
}

# build FOLDER [CMake options]: configures (anew each time: a package may have come since), builds what changed; all, or
# $TARGETS.
build() {
    folder=$1
    shift
    say "building $folder"
    cmake -S . -B "$folder" -G Ninja "$@" >"$folder.configure.log" 2>&1 || {
        cat "$folder.configure.log" >&2
        return 1
    }
    ninja -C "$folder" --quiet ${TARGETS:-} >&2
}

# venv FOLDER REQUIREMENTS: a virtual environment with the pinned packages, made anew when they change.
venv() {
    cmp -s "$2" "$1/requirements.txt" && return 0
    say "making a Python environment from $2"
    python3 -m venv --clear "$1" && "$1/bin/pip" install -q -r "$2" >&2 && cp "$2" "$1/requirements.txt"
}
