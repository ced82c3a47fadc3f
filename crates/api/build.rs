//! Packs the program's relative relocations where the C library of the system can read them: 1.6 MB less of file, and
//! of memory, since every one of them is read at the start.

use std::{env, process::Command};

/// The first glibc that reads them.
const FIRST: (u32, u32) = (2, 36);

#[expect(
    clippy::disallowed_methods,
    reason = "so cargo tells a build script what it builds for"
)]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let here = env::var_os("HOST") == env::var_os("TARGET");
    if here && glibc().is_some_and(|found| found >= FIRST) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the system's C library, if that is glibc.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.strip_prefix("glibc ")?.trim().split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
