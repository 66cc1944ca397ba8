//! Lets the addon find Node's own symbols at run time.

use std::env;

fn main() {
    napi_build::setup();

    // When the last worker thread that used the addon ends, Node unloads it under its own running threads. napi-build
    // forbids that for glibc only. Here and not in `.cargo/config.toml`, whose flags give way to the `RUSTFLAGS` that
    // `napi build` sets for musl.
    if env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
}
