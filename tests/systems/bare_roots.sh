#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cnxc where nothing is installed: bare_roots.sh WORK [PYTHON], as root. Builds cnxc with all libraries inside, installs it, and
# puts it into bare Debians with Python and without compiler, binutils and development packages: of this release and of the one
# after it, whose C library is newer. There it compiles models/digits and a ConvNeXt-T to libraries, which Python loads, and
# to executables; --static is refused in words (bare_root.py). What comes out must be the bytes that come out here.
# Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/setup.sh
. tests/systems/root.sh
python=${2:-build/venv/bin/python}
[ "$VERSION_CODENAME" = bookworm ] && codenames="bookworm trixie" || codenames=$VERSION_CODENAME

make_root() { # CODENAME
    [ -e "$work/$1/usr/bin/python3" ] && return 0
    rm -rf "${work:?}/$1"
    debootstrap --variant=minbase --include=python3 "$1" "$work/$1" "$(mirror)"
}

install_cnxc() {
    TARGETS=all build build/static -DCMAKE_BUILD_TYPE=Release -DCNXC_STATIC_LLVM=ON || return 1
    rm -rf "$work/installed" && cmake --install build/static --prefix "$work/installed" >"$work/install.log"
}

make_models() {
    rm -rf "$work/models" && mkdir "$work/models" && cp -r models/digits "$work/models/" &&
        "$python" tests/goldens/full/make_checkpoint.py tiny "$work/models/tiny"
}

# Compiles in a root, where mounts are private.
compile_there() { # CODENAME
    local root=$work/$1
    rm -rf "$root/opt/cnxc" "$root/made" && mkdir -p "$root/made" "$root/models" && cp -r "$work/installed" "$root/opt/cnxc" &&
        cp tests/systems/bare_root.py "$root/made/" || return 1
    unshare --mount sh -c 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --bind "$1" "$0/models" &&
        exec chroot "$0" env -i PATH=/usr/bin:/bin HOME=/root python3 /made/bare_root.py /opt/cnxc/bin/cnxc /models/digits /models/tiny /made' \
        "$root" "$work/models"
}

compile_here() {
    rm -rf "$work/made" && mkdir "$work/made" || return 1
    for model in digits tiny; do
        for kind in shared static obj exe; do
            "$work/installed/bin/cnxc" compile "$work/models/$model" -mcpu=x86-64-v3 --emit=$kind --prefix=m -o "$work/made/$model.$kind" || return 1
        done
    done
}

[ "$(id -u)" = 0 ] || { echo "bare_roots.sh: only root can make a root" && exit 1; }
mkdir -p "$1" && work=$(realpath "$1") && install_cnxc && make_models && compile_here || exit 1
ldd "$work/installed/bin/cnxc" | awk '{print $1}' | grep -vE '^(linux-vdso|libm|libc)\.so|/ld-linux'
result "cnxc needs libc and libm" $((! $?))
for codename in $codenames; do
    make_root $codename && compile_there $codename
    result "compiling and loading in a bare $codename" $?
    for file in "$work"/made/*.shared "$work"/made/*.static "$work"/made/*.obj "$work"/made/*.exe; do
        cmp "$file" "$work/$codename/made/${file##*/}"
        result "${file##*/} from $codename" $?
    done
done
finish
