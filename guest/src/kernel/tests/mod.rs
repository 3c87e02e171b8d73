//! Tests of opening kernels, on packages and boot images that the tests make.

mod boot;
mod bugs;
mod cached;
mod damage;
mod exports;
mod load;
mod packages;
mod power;
mod samples;
mod types;
