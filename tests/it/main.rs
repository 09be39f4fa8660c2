//! The tests that need real parts: a control plane, proxies, the built program. One binary, so that they share
//! what is expensive.

#[allow(dead_code, unused_imports, reason = "shared with tests/bench, which uses other parts of it")]
mod support;
mod support_works;
