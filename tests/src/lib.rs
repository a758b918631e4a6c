//! The harness of the end-to-end tests.
//!
//! What is tested exists only between binaries that were built apart, so a test cannot link it.
//! Each test builds real hosts and real modules, by separate cargo invocations in separate target
//! directories, and runs them as processes:
//!
//! | module       | what it does                                                       |
//! | ------------ | ------------------------------------------------------------------ |
//! | [`project`]  | copies a fixture, injects the fork's patches, runs cargo on it     |
//! | [`fixtures`] | the hosts and modules of the scenarios, one set per configuration  |
//! | [`process`]  | runs a program with a deadline and shows what it said              |
//! | [`running`]  | a process that a test talks with while it runs                     |
//! | [`sanitizer`]| builds and runs all of it under a sanitizer, if asked to           |
//!
//! Builds are shared by the test binaries of a run. Those are separate processes, and under
//! nextest each test is one, so a file lock keeps the builds apart, and a stamp with the run's
//! name says which have been looked at already.

pub mod fixtures;
pub mod process;
pub mod project;
pub mod running;
pub mod sanitizer;
