//! Misuse of the macros is an error that says what is wrong, in the user's own line.
//!
//! The expected words stand beside each case in `ui/*.stderr`; `TRYBUILD=overwrite` writes them
//! anew after a change of the compiler. Misuse of `#[tokio::module]` needs the fork, and is a
//! test of `tests/tests/entries.rs`.
//!
//! trybuild compiles all dependencies of the package that it is called from, apart from the other
//! builds. That is why this test is here, and not among those that need a harness.

#[test]
fn misuse_of_the_macros() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
