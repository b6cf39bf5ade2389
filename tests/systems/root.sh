# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What the scripts here share: making a Debian in a folder, and telling how it went. Sourced, not run.

export container=lxc # tells debootstrap that devices and /proc are there, or not to be had
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /etc/os-release

# From where this machine's packages are.
mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $VERSION_CODENAME" | head -n 1
}

# A bare Debian, with packages from where this machine's are, by its ways to get there.
make_debian() { # CODENAME ROOT
    local mirror=$(mirror) certificates=/etc/ssl/certs/ca-certificates.crt
    rm -rf "$2"
    debootstrap --variant=minbase "$1" "$2" $mirror || return 1
    {
        echo "deb $mirror $1 main"
        echo "deb $mirror $1-updates main"
        echo "deb ${mirror%/}-security $1-security main"
    } >"$2/etc/apt/sources.list"
    apt-config dump Acquire >"$2/etc/apt/apt.conf.d/90outside"
    cp /etc/resolv.conf "$2/etc/"
    [ ! -e $certificates ] || cp $certificates "$2/etc/ssl-outside.crt" # for pip; the root's own packages write their file anew
}

# The sources as they are checked out here, with their times, so that only what has changed is built again.
copy_sources() { # ROOT
    rm -rf "$1/cnxc" && mkdir "$1/cnxc" || return 1
    git ls-files -z --cached --others --exclude-standard | tar -c --null --verbatim-files-from -T - |
        tar -x --no-same-owner -C "$1/cnxc"
}

passed=0 failed=0
result() { # NAME CODE
    [ "$2" = 0 ] && passed=$((passed + 1)) || { failed=$((failed + 1)) && echo "FAIL $1"; }
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
