//! The table of the releases that were tried: `releases.toml`, beside this crate's `Cargo.toml`.
//!
//! The problem: a recipe says what is shared and why, and that holds for every release. Which
//! releases it was tried on, and with what result, changes every week.
//!
//! The way: the results are data of their own. `cargo tls-slots releases` writes the file, one line
//! for a release, and this command carries it:
//!
//! ```toml
//! [foldhash]
//! "0.1.5" = { checksum = "…", compiles = "yes", forks = "yes", lockfile = true }
//! "0.2.0" = { boundary = "yes", checksum = "…", compiles = "yes", forks = "yes" }
//! ```
//!
//! | key | what it says |
//! | --- | --- |
//! | `checksum` | the registry's SHA-256 of the release's archive; another one is refused |
//! | `with` | the releases of the crates that were forked along |
//! | `lockfile` | a lock file of a published project holds the release |
//! | `forks`, `compiles`, `own-tests`, `boundary` | an [`Answer`]; without the key, nobody has tried |

use std::collections::BTreeMap;
use std::sync::LazyLock;

use semver::Version;
use serde::{Deserialize, Serialize};

/// The table that this command carries.
///
/// It is no part of what decides about a fork's text, so `embedded` does not have it: the forks of
/// a command stay up to date when somebody has tried one more release.
const EMBEDDED: &str = include_str!("../releases.toml");

/// The first lines of the file.
const HEAD: &str = "# Written by `cargo tls-slots releases`; not meant to be edited.\n";

/// What is known of releases, by crate and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Table {
    crates: BTreeMap<String, BTreeMap<Version, Facts>>,
}

/// What is known of one release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Facts {
    /// The registry's SHA-256 of its archive, in hexadecimal digits.
    pub checksum: String,
    /// The releases of the crates that were forked along.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Version>,
    /// Whether a lock file of a published project holds it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lockfile: bool,
    /// Whether the recipe fits it.
    #[serde(default, skip_serializing_if = "Answer::is_open")]
    pub forks: Answer,
    /// Whether the fork compiles, with the sharing and without, and has no warning that upstream's
    /// release does not have.
    #[serde(default, skip_serializing_if = "Answer::is_open")]
    pub compiles: Answer,
    /// Whether its own unit tests pass in the fork, each test program being its own host.
    #[serde(default, skip_serializing_if = "Answer::is_open")]
    pub own_tests: Answer,
    /// Whether a host and a module that were built apart share its state.
    #[serde(default, skip_serializing_if = "Answer::is_open")]
    pub boundary: Answer,
}

/// The answer to one question about a release. In the file it is a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub enum Answer {
    /// Nobody has tried.
    #[default]
    Open,
    /// `yes`, or `yes: …` with more words.
    Yes(String),
    /// `no: …`, with the reason.
    No(String),
    /// `none: …`: there is nothing to try, and why.
    None(String),
}

impl Answer {
    /// The plain `yes`.
    pub fn yes() -> Self {
        Answer::Yes(String::new())
    }

    /// Whether it is a yes.
    pub fn is_yes(&self) -> bool {
        matches!(self, Answer::Yes(_))
    }

    /// Whether nobody has tried.
    pub fn is_open(&self) -> bool {
        *self == Answer::Open
    }

    /// What follows the yes or no; empty where nothing does.
    pub fn words(&self) -> &str {
        match self {
            Answer::Open => "",
            Answer::Yes(words) | Answer::No(words) | Answer::None(words) => words,
        }
    }
}

impl From<String> for Answer {
    /// Reads the text of the file. A word that is none of the three is a no: it must not hide that
    /// something does not fit.
    fn from(text: String) -> Self {
        let (word, words) = text.split_once(':').unwrap_or((&text, ""));
        let words = words.trim().to_owned();
        match word {
            "yes" => Answer::Yes(words),
            "none" => Answer::None(words),
            "no" => Answer::No(words),
            _ => Answer::No(text),
        }
    }
}

impl From<Answer> for String {
    /// The text of the file, in one line.
    fn from(answer: Answer) -> Self {
        let word = match &answer {
            Answer::Open => "",
            Answer::Yes(_) => "yes",
            Answer::No(_) => "no",
            Answer::None(_) => "none",
        };
        let words = answer.words().split_whitespace().collect::<Vec<_>>();
        match words.is_empty() {
            true => word.to_owned(),
            false => format!("{word}: {}", words.join(" ")),
        }
    }
}

impl Table {
    /// The table that this command carries.
    ///
    /// # Panics
    ///
    /// If the file is not of the form above; a test reads it.
    pub fn embedded() -> &'static Self {
        static TABLE: LazyLock<Table> =
            LazyLock::new(|| Table::parse(EMBEDDED).expect("a test reads the table"));
        &TABLE
    }

    /// Reads a table from the text of a file.
    ///
    /// # Errors
    ///
    /// If the text is not of the form above.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The text of the file: crates by name, releases by version, one line each.
    pub fn render(&self) -> String {
        let mut text = HEAD.to_owned();
        for (name, releases) in &self.crates {
            text += &format!("\n[{name}]\n");
            for (version, facts) in releases {
                // Facts are texts, flags and a table of texts: TOML has a form for each.
                let facts = toml::Value::try_from(facts).map_or(String::new(), |it| it.to_string());
                text += &format!("\"{version}\" = {facts}\n");
            }
        }
        text
    }

    /// The crates, sorted by name.
    pub fn crates(&self) -> impl Iterator<Item = &str> {
        self.crates.keys().map(String::as_str)
    }

    /// The releases of a crate, the oldest first.
    pub fn releases(&self, name: &str) -> impl DoubleEndedIterator<Item = (&Version, &Facts)> {
        self.crates.get(name).into_iter().flatten()
    }

    /// What is known of a release.
    pub fn facts(&self, name: &str, version: &Version) -> Option<&Facts> {
        self.crates.get(name)?.get(version)
    }

    /// The place for what is known of a release; it is made if there is none.
    pub fn entry(&mut self, name: &str, version: &Version) -> &mut Facts {
        let releases = self.crates.entry(name.to_owned()).or_default();
        releases.entry(version.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_what_the_command_writes() {
        let written = Table::parse(EMBEDDED).unwrap().render();
        let differs = written.lines().zip(EMBEDDED.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None);
        assert!(written == EMBEDDED);
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let mut table = Table::default();
        let version = Version::new(1, 2, 3);
        *table.entry("a", &version) = Facts {
            checksum: "ab".to_owned(),
            lockfile: true,
            with: [("b".to_owned(), Version::new(0, 1, 0))].into(),
            forks: Answer::yes(),
            compiles: Answer::No("two\n lines".to_owned()),
            own_tests: Answer::None("upstream's do not build".to_owned()),
            boundary: Answer::Open,
        };
        let text = table.render();
        let read = Table::parse(&text).unwrap();
        let facts = read.facts("a", &version).unwrap();
        assert_eq!(facts.compiles, Answer::No("two lines".to_owned()));
        assert_eq!(facts.own_tests.words(), "upstream's do not build");
        assert!(
            facts.boundary.is_open() && !text.contains("boundary"),
            "{text}"
        );
        assert_eq!(read.render(), text);
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn a_word_that_is_not_known_is_a_no() {
        assert_eq!(
            Answer::from("maybe".to_owned()),
            Answer::No("maybe".to_owned())
        );
        assert_eq!(Answer::from("yes: 3 passed".to_owned()).words(), "3 passed");
    }
}
