//! The tests that need real parts: a control plane, proxies, the built program. One binary, so that they share
//! what is expensive.

mod support;
mod support_works;
