#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ./demo and ./check as a newcomer runs them: debian_root.sh WORK [CODENAME], as root. Makes a bare Debian in WORK/CODENAME,
# nothing in it but what its installer needs, copies the sources into it and runs both there: all else they install themselves.
# Without a name it is the other one of the two that cnxc is for, 12 (bookworm) and 13 (trixie). A root that is there is not
# bare any more, so it is made anew. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/systems/root.sh
[ "$VERSION_CODENAME" = trixie ] && other=bookworm || other=trixie
codename=${2:-$other} work=$1

# What is checked out here becomes a repository there: tests ask git for its files.
copy_repository() { # ROOT
    copy_sources "$1" && git -C "$1/cnxc" init -q && git -C "$1/cnxc" add --all
}

# Runs where mounts are private.
inside() { # ROOT
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t sysfs sysfs "$1/sys" || exit 1
    [ ! -e "$1/etc/ssl-outside.crt" ] || export PIP_CERT=/etc/ssl-outside.crt REQUESTS_CA_BUNDLE=/etc/ssl-outside.crt # pip's requests prefer the second
    for command in ./demo ./check; do
        chroot "$1" sh -c "cd /cnxc && $command" 2>&1 | tee "$work/$command.log"
        result "$command in $codename" "${PIPESTATUS[0]}"
    done
    ! grep -h "warning:" "$work"/*.log
    result "no compiler warns" $?
    finish
}

if [ "${3:-}" = inside ]; then
    inside "$work/$codename"
    exit
fi
[ "$(id -u)" = 0 ] || { echo "debian_root.sh: only root can make a root" && exit 1; }
mkdir -p "$work" && work=$(realpath "$work") && make_debian "$codename" "$work/$codename" && copy_repository "$work/$codename" &&
    exec unshare --mount "$PWD/tests/systems/debian_root.sh" "$work" "$codename" inside
