//! The tests that make no sense in a mode, with the reason: `conformance/exceptions.toml`.
//!
//! An excepted test is run all the same. Its failure is expected; that it passes, or that there is
//! no such test, is reported, so the list cannot grow old.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::libtest::Outcome;
use super::{Mode, Suite};

/// The list that this command carries.
const LIST: &str = include_str!("../../../conformance/exceptions.toml");

/// One entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    mode: Mode,
    suite: Suite,
    tests: Vec<String>,
    reason: String,
    /// Whether it also passes at times.
    #[serde(default)]
    sometimes: bool,
}

/// All entries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    #[serde(default)]
    exception: Vec<Entry>,
}

impl Exceptions {
    /// Those that belong to the command.
    pub(crate) fn built_in() -> Result<Self, toml::de::Error> {
        Self::parse(LIST)
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn of(&self, suite: Suite, mode: Mode) -> impl Iterator<Item = (&str, &Entry)> {
        self.exception
            .iter()
            .filter(move |entry| entry.mode == mode && entry.suite == suite)
            .flat_map(|entry| entry.tests.iter().map(move |test| (test.as_str(), entry)))
    }

    /// Why a test may fail.
    pub(crate) fn reason(&self, suite: Suite, mode: Mode, test: &str) -> Option<&str> {
        self.of(suite, mode)
            .find(|(name, _)| *name == test)
            .map(|(_, entry)| entry.reason.as_str())
    }

    /// What is wrong with the list, in sentences, after all tests of a suite ran.
    pub(crate) fn stale(
        &self,
        suite: Suite,
        mode: Mode,
        ran: &BTreeMap<String, Outcome>,
    ) -> Vec<String> {
        let wrong = |(test, entry): (&str, &Entry)| match ran.get(test) {
            None => Some(format!(
                "{test} is excepted in mode {mode}, but there is no such test"
            )),
            Some(Outcome::Passed) if !entry.sometimes => {
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
        for entry in &list.exception {
            assert!(!entry.reason.trim().is_empty(), "{entry:?}");
            for test in &entry.tests {
                assert!(
                    seen.insert((entry.mode, entry.suite, test.clone())),
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
