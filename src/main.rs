//! The kubesift program.

fn main() {}
