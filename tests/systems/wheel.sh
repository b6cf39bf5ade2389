#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The wheel: wheel.sh WORK [MODEL…], as root. Builds it, repairs it, and installs it in bare Debian 12 and 13 with Python and no compiler, where
# wheel.py compiles models/digits, models/kanji and MODELs. The wheel is WORK/dist/cnxc-*-manylinux*.whl. Ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/tools/setup.sh
. tests/systems/root.sh
certificates=/etc/ssl/certs/ca-certificates.crt

make_wheel() {
    rm -rf "$work/dist" "$work/built"
    venv "$work/venv" tests/systems/wheel_requirements.txt && PATH=$work/venv/bin:$PATH || return 1
    pip wheel -q ./python --no-deps --no-build-isolation -w "$work/built" &&
        auditwheel repair "$work"/built/*.whl --exclude 'libhdf5*' -w "$work/dist" && ls -l "$work"/dist/*-py3-none-manylinux*.whl
}

make_root() { # CODENAME
    local root=$work/$1
    rm -rf "$root"
    debootstrap --variant=minbase --include=python3,python3-venv "$1" "$root" "$(mirror)" >"$work/$1.log" || return 1
    cp /etc/resolv.conf "$root/etc/"
    [ ! -e $certificates ] || cp $certificates "$root/etc/ssl-outside.crt"
    mkdir "$root/models" && cp -r "${models[@]}" "$root/models" && cp "$work"/dist/*.whl tests/systems/wheel.py "$root"
}

try_wheel() { # CODENAME
    unshare --mount sh -c "mount -t proc proc $work/$1/proc && mount --rbind /dev $work/$1/dev &&
        if [ -e $work/$1/etc/ssl-outside.crt ]; then export PIP_CERT=/etc/ssl-outside.crt REQUESTS_CA_BUNDLE=/etc/ssl-outside.crt; fi
        exec chroot $work/$1 sh -c 'python3 -m venv /venv && /venv/bin/pip install -q /*.whl && /venv/bin/python /wheel.py /models/*'"
}

[ "$(id -u)" = 0 ] || { echo "wheel.sh: only root can make a root" && exit 1; }
mkdir -p "$1" && work=$(realpath "$1") && shift
models=(models/digits models/kanji "$@")
make_wheel
result "the wheel" $?
for codename in bookworm trixie; do
    make_root $codename && try_wheel $codename
    result "the wheel in $codename" $?
done
finish
