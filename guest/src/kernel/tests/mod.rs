//! Tests of opening kernels, on packages and boot images made here.

mod boot;
mod cached;
mod damage;
mod packages;
mod samples;
mod types;
