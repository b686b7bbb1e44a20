//! The manual: what stands in no single file.
//!
//! Documentation alone; there is nothing here to call.
//!
//! - [`architecture`]: the rooms of the house, and one packet's way through it
//! - [`rfc6762`], [`rfc6763`]: section by section, what serves it and which tests show it
//! - [`mistakes`]: what others got wrong, and the tests that keep it out here
//! - [`limits`]: what is bounded, what happens at each bound, and where it is counted
//! - [`mutants`]: which changed lines the tests notice
//! - [`performance`]: what messages cost, how that is measured, and what was made faster
//! - [`vocabulary`]: what usual words for resources and lifecycle are called here

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("rfc6762.md")]
pub mod rfc6762 {}

#[doc = include_str!("rfc6763.md")]
pub mod rfc6763 {}

#[doc = include_str!("mistakes.md")]
pub mod mistakes {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("mutants.md")]
pub mod mutants {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("vocabulary.md")]
pub mod vocabulary {}
