//! Misuse of the macros is an error that says what is wrong, in the user's own line.
//!
//! The expected words stand beside each case in `ui/*.stderr`; `TRYBUILD=overwrite` writes them
//! anew after a change of the compiler. Misuse of `#[tokio::module]` needs the fork, and is a
//! test of `entries.rs`.

#[test]
fn misuse_of_the_macros() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
