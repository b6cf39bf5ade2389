#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cnxc on an aarch64 machine: arm64_root.sh WORK, as root. Makes an arm64 Debian in WORK/root, unless it is there; builds
# cnxc in it with its own compiler and libraries, runs the unit tests, compiles models/digits and reads the digits. QEMU runs
# all of it. Ends with "N passed, N failed".
#
# There make, compilers and linkers start each other, so the kernel must know how to run programs for aarch64. Where it does
# not, it is told in a namespace of this script's own (Linux 6.7), and the machine stays as it is.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/setup.sh
. tests/systems/root.sh
mkdir -p "$1" || exit 1
work=$(realpath "$1") root=$(realpath "$1")/root packages="$BUILD_PACKAGES libcmocka-dev"
handlers=/proc/sys/fs/binfmt_misc
export CNXC_MATH_STRIDE=104729 # floats that test_math takes one of; a sweep of all takes QEMU an hour
export DEBIAN_FRONTEND=noninteractive

# ── Outside: files ────────────────────────────────────────────────────────────────────────────────────────────────────

# The root's packages, unpacked; another list makes it anew. From where and of which Debian this machine's are.
download_root() {
    [ "$(cat "$root/packages" 2>/dev/null)" = "$(echo $packages)" ] && return 0
    rm -rf "$root"
    debootstrap --arch=arm64 --foreign --variant=minbase --include="$(echo $packages | tr ' ' ',')" "$VERSION_CODENAME" "$root" $(mirror)
}

# Runs the rest of this script where mounts are private, and programs for aarch64 can be registered by who is root there.
enter() {
    [ -e $handlers/qemu-aarch64 ] && exec unshare --mount "$0" "$work" inside
    exec 3>&1
    coproc namespace { exec unshare --user --mount sh -c 'echo && read -r go && exec "$@" >&3 </dev/null' - "$0" "$work" inside; }
    local pid=$namespace_PID all_users='0 0 4294967295'
    read -r _ <&"${namespace[0]}"
    echo "$all_users" >"/proc/$pid/uid_map" && echo "$all_users" >"/proc/$pid/gid_map" && echo go >&"${namespace[1]}"
    wait "$pid"
}

# ── Inside: programs for aarch64 ──────────────────────────────────────────────────────────────────────────────────────

prepare_root() {
    [ -e $handlers/qemu-aarch64 ] ||
        { mount -t binfmt_misc none $handlers && cat /usr/lib/binfmt.d/qemu-aarch64.conf >$handlers/register; } || return 1
    mount --rbind /proc "$root/proc" || return 1
    [ ! -d "$root/debootstrap" ] || chroot "$root" /debootstrap/debootstrap --second-stage || return 1
    echo $packages >"$root/packages"
}

build_cnxc() {
    chroot "$root" cmake -S /cnxc -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release && chroot "$root" ninja -C /build
}

# Labels and scores are held to what run_digits.py holds them to.
read_digits() {
    chroot "$root" /build/bin/cnxc compile /cnxc/models/digits -o /build/digits || return 1
    chroot "$root" sh -c 'cd /cnxc/models/digits && cut -f 1 test/expected.tsv | xargs /build/digits -k 1' >"$work/read.tsv" || return 1
    paste "$root/cnxc/models/digits/test/expected.tsv" "$work/read.tsv" | awk -F '\t' '
        { off = $3 - $6; if ($1 != $4 || $2 != $5 || off > 1e-5 || off < -1e-5) { print "FAIL " $0; bad = 1 } }
        END { print NR " digits read"; exit bad || !NR }'
}

inside() {
    prepare_root && build_cnxc || exit 1
    chroot "$root" /build/bin/cnxc targets --host | grep -w neon
    result "cnxc knows its machine" $?
    chroot "$root" ctest --test-dir /build --output-on-failure -j "$(nproc)"
    result "the unit tests pass" $?
    read_digits
    result "what it compiles reads the digits" $?
    finish
}

[ "${2:-}" != inside ] || { inside && exit 0 || exit 1; }
[ "$(id -u)" = 0 ] || { echo "arm64_root.sh: only root can make a root" && exit 1; }
download_root && copy_sources "$root" && enter
