//! The answer for one static: whether a copy in each image is right, why, and what helps.
//!
//! Three sources give such an answer: [recipes](super::recipes), the [table](super::known) of
//! crates without one, and for all others the [rule](super::classify) that says where the crate
//! comes from.

use serde::Deserialize;

/// Whether it is right that an image keeps some state for itself. Worse verdicts are greater.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// A copy in each image is right.
    Harmless,
    /// A copy in each image works, if a rule is kept.
    Caution,
    /// Nobody has looked at the state.
    Unknown,
    /// A copy in each image does not work.
    Breaks,
}

impl Verdict {
    /// The verdict in one word, as in the text and the JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Harmless => "harmless",
            Verdict::Caution => "caution",
            Verdict::Unknown => "unknown",
            Verdict::Breaks => "breaks",
        }
    }
}

/// What is said of one static.
///
/// A verdict that nobody can act on is worth little. So whatever is worse than harmless has a
/// reason or a cure, and mostly both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// Why the verdict is so.
    pub(super) reason: String,
    /// What helps: a command, what to write instead, or what to read.
    pub(super) fix: Option<String>,
    /// What statics like this one are called, where there may be hundreds of them.
    pub(super) fold: Option<String>,
}

impl Judgement {
    /// A judgement with which nothing is to be done.
    pub(super) fn harmless(reason: &str) -> Self {
        Judgement {
            verdict: Verdict::Harmless,
            reason: reason.to_owned(),
            fix: None,
            fold: None,
        }
    }
}

/// The command that forks a package, by its recipe or by rule.
pub(super) fn fork(package: &str) -> String {
    format!("cargo tls-slots fork {package}")
}
