// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Links lib@name@.a, which lies beside this crate, in ../lib.
use std::{env, path::PathBuf};

fn main() {
    let lib = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../lib");
    println!("cargo:rerun-if-changed={}", lib.join("lib@name@.a").display());
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=static=@name@");
    println!("cargo:rustc-link-lib=m");
    println!("cargo:rustc-link-lib=pthread");
}
