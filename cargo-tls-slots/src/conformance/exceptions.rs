//! The tests that make no sense in a mode, with the reason: `conformance/exceptions.toml`.
//!
//! The problem: a list of tests that may fail grows old. Nobody takes an exception away when the
//! test passes again, or is gone.
//!
//! The way: an excepted test is run like any other. Its failure is expected. An excepted test that
//! passes, or that does not exist, is reported, and makes the run fail.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::outcome::Outcome;
use super::suite::{Mode, Suite};

/// The list that this command carries.
const LIST: &str = include_str!("../../../conformance/exceptions.toml");

/// Tests of one suite in one mode that may fail for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    mode: Mode,
    suite: Suite,
    tests: Vec<String>,
    reason: String,
    /// Whether the tests also pass at times; then a pass is not reported.
    #[serde(default)]
    sometimes: bool,
}

/// The whole list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

impl Exceptions {
    /// Reads the list that belongs to this command.
    ///
    /// # Errors
    ///
    /// If the list is not of the form above.
    pub(super) fn built_in() -> Result<Self, toml::de::Error> {
        Self::parse(LIST)
    }

    /// Reads a list of exceptions.
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The excepted tests of a suite in a mode.
    fn of(&self, suite: Suite, mode: Mode) -> impl Iterator<Item = (&str, &Exception)> {
        self.exception
            .iter()
            .filter(move |one| one.mode == mode && one.suite == suite)
            .flat_map(|one| one.tests.iter().map(move |test| (test.as_str(), one)))
    }

    /// Why a test may fail in a mode; `None` if it may not.
    pub(super) fn reason(&self, suite: Suite, mode: Mode, test: &str) -> Option<&str> {
        self.of(suite, mode)
            .find(|(name, _)| *name == test)
            .map(|(_, exception)| exception.reason.as_str())
    }

    /// What is wrong with the list, in sentences, after all tests of a suite ran.
    ///
    /// An exception is out of date if its test has passed, or if there is no such test. Both are
    /// found only by a run of the whole suite.
    pub(super) fn stale(
        &self,
        suite: Suite,
        mode: Mode,
        ran: &BTreeMap<String, Outcome>,
    ) -> Vec<String> {
        let wrong = |(test, exception): (&str, &Exception)| match ran.get(test) {
            None => Some(format!(
                "{test} is excepted in mode {mode}, but there is no such test"
            )),
            Some(Outcome::Passed) if !exception.sometimes => {
                Some(format!("{test} is excepted in mode {mode}, but passes"))
            }
            Some(_) => None,
        };
        self.of(suite, mode).filter_map(wrong).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sound() {
        let list = Exceptions::built_in().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for exception in &list.exception {
            assert!(!exception.reason.trim().is_empty(), "{exception:?}");
            for test in &exception.tests {
                assert!(
                    seen.insert((exception.mode, exception.suite, test.clone())),
                    "{test} twice"
                );
            }
        }
    }

    #[test]
    fn what_no_longer_holds_is_reported() {
        let list = Exceptions::parse(
            "[[exception]]\nmode = \"module\"\nsuite = \"integration\"\n\
             tests = [\"gone\", \"passes\", \"fails\"]\nreason = \"r\"\n\
             [[exception]]\nmode = \"module\"\nsuite = \"integration\"\n\
             tests = [\"flaky\"]\nreason = \"r\"\nsometimes = true\n",
        )
        .unwrap();
        let failed = Outcome::Failed(String::new());
        let ran = [
            ("passes", Outcome::Passed),
            ("fails", failed),
            ("flaky", Outcome::Passed),
        ];
        let ran = ran.map(|(name, outcome)| (name.to_owned(), outcome)).into();
        let stale = list.stale(Suite::Integration, Mode::Module, &ran);
        assert_eq!(
            stale,
            [
                "gone is excepted in mode module, but there is no such test",
                "passes is excepted in mode module, but passes"
            ]
        );
        assert_eq!(
            list.reason(Suite::Integration, Mode::Module, "fails"),
            Some("r")
        );
        assert_eq!(list.reason(Suite::Integration, Mode::Off, "fails"), None);
    }
}
