//! What became of each static and thread-local of a crate that was forked by rule.
//!
//! A person must be able to see what a mechanical rule did. The report is kept in the fork's
//! folder, so that it can be shown again when nothing has to be done.

use std::path::Path;
use std::{fmt, fs};

use semver::Version;
use serde::{Deserialize, Serialize};

/// The report's file, in the fork's folder.
pub(crate) const FILE: &str = "tls-slots-report.toml";

/// What became of the state of one crate that has no recipe.
///
/// Its text form, for a terminal, has a line for each declaration that is shared or cannot be, and
/// only the number of those that are no state.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The crate.
    #[serde(rename = "crate")]
    pub name: String,
    /// Its version.
    pub version: Version,
    /// What the search did not see.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Every declaration, by file and line.
    #[serde(default, rename = "state")]
    pub states: Vec<State>,
}

/// One declaration.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct State {
    /// What became of it.
    pub sharing: Sharing,
    /// The file, relative to the crate.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The declaration, as in `static COUNTER`.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What became of a declaration.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Sharing {
    /// With the feature on, it is the host's.
    Shared,
    /// It is, or may be, state, and each copy has its own.
    NotShared,
    /// It is no state of the crate: immutable, for tests only, or another crate's.
    Stays,
}

impl Report {
    /// The declarations with one sharing.
    pub fn with(&self, sharing: Sharing) -> impl Iterator<Item = &State> {
        self.states
            .iter()
            .filter(move |state| state.sharing == sharing)
    }

    /// The report in a fork's folder. `None` if the fork was made by a recipe.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(folder.join(FILE)).ok()?)
    }

    /// Reads the file's text.
    fn parse(text: &str) -> Option<Self> {
        toml::from_str(text).ok()
    }

    /// The file's text.
    pub(crate) fn render(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# What `cargo tls-slots fork` did with the state of this crate, for which it has no recipe.\n{body}"
        )
    }
}

/// What a terminal shows: everything but what stays, of which there is only a number.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |sharing| self.with(sharing).count();
        write!(
            f,
            "{} {} has no recipe: {} shared, {} not shared, {} that are no state",
            self.name,
            self.version,
            count(Sharing::Shared),
            count(Sharing::NotShared),
            count(Sharing::Stays),
        )?;
        for (word, sharing) in [
            ("shared", Sharing::Shared),
            ("NOT SHARED", Sharing::NotShared),
        ] {
            for state in self.with(sharing) {
                write!(f, "\n  {word}: {state}")?;
            }
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State {
            file, line, what, ..
        } = self;
        write!(f, "{file}:{line}: {what}")?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_file() {
        let report = Report {
            name: "a".to_owned(),
            version: Version::new(1, 2, 3),
            notes: vec!["b".to_owned()],
            states: vec![State {
                sharing: Sharing::NotShared,
                file: "src/lib.rs".to_owned(),
                line: 7,
                what: "static A".to_owned(),
                reason: "it is so".to_owned(),
            }],
        };
        assert_eq!(Report::parse(&report.render()), Some(report.clone()));
        assert_eq!(
            report.to_string(),
            "a 1.2.3 has no recipe: 0 shared, 1 not shared, 0 that are no state\n  \
             NOT SHARED: src/lib.rs:7: static A (it is so)\n  note: b"
        );
    }
}
