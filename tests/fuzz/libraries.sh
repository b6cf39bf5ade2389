#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Builds the libraries that decode pictures with the sanitizer and with coverage, so that a search finds its way through them
# and their mistakes: libraries.sh PREFIX. Sources are Debian's, of this release, fetched with "apt-get source" into PREFIX
# through lists of their own: what apt knows otherwise stays as it is. Nothing is done where PREFIX has them already.
set -eu
mkdir -p "$1/apt/lists/partial" "$1/apt/parts" "$1/sources"
cd "$1"
prefix=$PWD
[ ! -e done ] || exit 0
. /etc/os-release

debian() { # apt-get ARGUMENT…
    apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$prefix/apt/parts" -o Dir::State::Lists="$prefix/apt/lists" \
        -o APT::Sandbox::User=root "$@"
}

fetch() { # PACKAGE…
    local parts=(/etc/apt/sources.list.d/debian.sources)
    if [ -e "${parts[0]}" ]; then
        sed 's/^Types:.*/Types: deb-src/' "${parts[0]}" >apt/parts/debian.sources
    else
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >apt/parts/debian.list
    fi
    debian update && (cd sources && debian source "${@/%//$VERSION_CODENAME}")
}

export CC=clang-19 CFLAGS="-O1 -g -w -fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer"

build() { # PACKAGE CMake options
    local name=$1
    shift
    cmake -S sources/"$name"-[0-9]* -B "build/$name" -G Ninja -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
        -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF "$@"
    ninja -C "build/$name" --quiet install
}

fetch zlib libpng1.6 libjpeg-turbo libwebp
(cd sources/zlib-[0-9]* && ./configure --static --prefix="$prefix" && make -s install) # its CMake needs files that Debian drops
build libpng1.6 -DPNG_SHARED=OFF -DPNG_TESTS=OFF
build libjpeg-turbo -DENABLE_SHARED=OFF -DWITH_SIMD=OFF -DWITH_TURBOJPEG=OFF
build libwebp $(printf -- '-DWEBP_BUILD_%s=OFF ' ANIM_UTILS CWEBP DWEBP GIF2WEBP IMG2WEBP VWEBP WEBPINFO WEBPMUX EXTRAS)
touch done
