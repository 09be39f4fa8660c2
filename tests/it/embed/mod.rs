//! Embedding with the real model on the real ONNX Runtime.

mod engine;
mod setup;
mod vectors;
