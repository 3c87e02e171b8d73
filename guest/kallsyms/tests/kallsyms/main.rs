//! Tests of the whole crate, through its interface, on images that the tests make themselves.

mod corpus;
mod encoder;
mod exercise;
mod hostile;
mod layouts;
