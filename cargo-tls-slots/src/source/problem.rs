//! What a person reads about a place of a release that a fork cannot deal with.

use std::fmt;

/// A place in a release that the recipe, or the rule for crates without one, does not fit.
///
/// All problems of a release are collected before any is shown: one run on a new release says
/// everything that is new in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, relative to the crate.
    pub file: String,
    /// The line, counted from 1. A problem of the whole file has none.
    pub line: Option<usize>,
    /// What is wrong, in one sentence. Its subject is often the file, which stands before it.
    pub message: String,
    /// Why the recipe's entry exists and when it can go. Only an entry that does not fit has this.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub(crate) fn new(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Problem {
            file: file.to_owned(),
            line,
            message: message.into(),
            hint: None,
        }
    }

    /// The same problem with a hint, which may have several lines.
    pub(crate) fn with_hint(self, hint: String) -> Self {
        Problem {
            hint: Some(hint),
            ..self
        }
    }
}

/// `src/a.rs:7: message`, and the lines of the hint below it, indented.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}
