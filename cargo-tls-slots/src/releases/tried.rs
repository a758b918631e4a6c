//! What came of one release.

use semver::Version;

use crate::release_table::{Answer, Facts};

/// A release that was tried.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tried {
    /// The crate.
    pub name: String,
    /// The release.
    pub version: Version,
    /// What is known of it now.
    pub facts: Facts,
    /// What was forked along it: crate, release, and checksum.
    pub along: Vec<(String, Version, String)>,
    /// Why it could not be tried, if it could not: the table then stays as it was.
    pub trouble: Option<String>,
}

impl Tried {
    /// Whether nothing says no, and nothing went wrong.
    pub fn is_good(&self) -> bool {
        self.problems().is_empty()
    }

    /// The questions of the table, each with its answer, in the table's order.
    fn answers(&self) -> [(&'static str, &Answer); 4] {
        let Facts {
            forks,
            compiles,
            own_tests,
            boundary,
            ..
        } = &self.facts;
        [
            ("forks", forks),
            ("compiles", compiles),
            ("own tests", own_tests),
            ("shared between host and module", boundary),
        ]
    }

    /// What does not fit, a sentence each: `tokio 1.99.0, compiles: no: …`.
    pub fn problems(&self) -> Vec<String> {
        let label = format!("{} {}", self.name, self.version);
        let no = self
            .answers()
            .into_iter()
            .filter_map(|(question, answer)| match answer {
                Answer::No(words) => Some(format!("{label}, {question}: no: {words}")),
                _ => None,
            });
        let trouble = self
            .trouble
            .iter()
            .map(|why| format!("{label} was not tried: {why}"));
        trouble.chain(no).collect()
    }

    /// The release and its answers, in one line.
    pub fn line(&self) -> String {
        let answers = self
            .answers()
            .into_iter()
            .filter_map(|(question, answer)| match answer {
                Answer::Open => None,
                Answer::Yes(words) if words.is_empty() => Some(format!("{question}: yes")),
                Answer::Yes(words) => Some(format!("{question}: {words}")),
                Answer::No(_) => Some(format!("{question}: NO")),
                Answer::None(words) => Some(format!("{question}: {words}")),
            });
        let answers = match &self.trouble {
            Some(_) => "was not tried".to_owned(),
            None => answers.collect::<Vec<_>>().join(", "),
        };
        format!("{} {}: {answers}", self.name, self.version)
    }
}
