//! Lets the addon find Node's own symbols at run time.

fn main() {
    napi_build::setup();
}
