//! In-process sampler.
