#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The Debian package: deb.sh WORK BUILD, as root. Packs what BUILD has built, installs it in a bare Debian of this release by apt,
# which finds what it depends on, and there compiles models/digits.
# What comes out must be the bytes that come out here. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/systems/root.sh

# What runs there has /proc, where mounts are private.
inside() { # COMMAND…
    unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$root" "$@"
}

install_package() {
    cp "$work"/made/cnxc_*.deb "$root/cnxc.deb" && cp -r models/digits "$root/digits" &&
        inside sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends /cnxc.deb' >"$work/install.log" 2>&1
}

compile_there() {
    inside cnxc compile /digits -o /program && "$build/bin/cnxc" compile models/digits -o "$work/program" &&
        cmp "$root/program" "$work/program" && inside /program "/digits/$picture"
}

[ "$(id -u)" = 0 ] || { echo "deb.sh: only root can make a root" && exit 1; }
mkdir -p "$1" && work=$(realpath "$1") build=$(realpath "$2") root=$work/$VERSION_CODENAME
picture=$(cd models/digits && find . -name '*.png' | sort | head -n 1)
rm -rf "$work/made" && cpack --config "$build/CPackConfig.cmake" -B "$work/made" >"$work/cpack.log"
result "cpack" $?
make_debian "$VERSION_CODENAME" "$root" >"$work/debootstrap.log"
result "a bare $VERSION_CODENAME" $?
install_package
result "apt-get install" $?
compile_there
result "a program" $?
finish
