//! Why bytes are no manifest.

use std::fmt;

use crate::format::FORMAT;

/// Why the bytes of a section are no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// Something stands where a record must start, and is none.
    NoRecord {
        /// The byte of the section.
        offset: usize,
    },
    /// A record has another format.
    Format {
        /// The number of that format.
        found: u16,
    },
    /// A record or a field is longer than the bytes that are left.
    CutOff {
        /// The byte of the section.
        offset: usize,
    },
    /// A text is not UTF-8.
    NotText {
        /// The byte of the section at which the record starts.
        offset: usize,
    },
    /// A field has a value that it cannot have.
    Value {
        /// The field.
        field: &'static str,
        /// The byte of the section at which the record starts.
        offset: usize,
    },
    /// A record lacks a field.
    Missing {
        /// The field.
        field: &'static str,
        /// The byte of the section at which the record starts.
        offset: usize,
    },
    /// A record has a field twice.
    Twice {
        /// The field.
        field: &'static str,
        /// The byte of the section at which the record starts.
        offset: usize,
    },
    /// No record says what the image was built by.
    NoCompiler,
    /// There can be one record of a kind, and two of them say different things.
    Contradiction {
        /// What the records are about.
        what: &'static str,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord { offset } => {
                write!(f, "there is no record at byte {offset} of the manifest")
            }
            Self::Format { found } => write!(
                f,
                "the manifest has a record of format {found}, and this reader knows format {FORMAT}"
            ),
            Self::CutOff { offset } => {
                write!(f, "the manifest is cut off at byte {offset}")
            }
            Self::NotText { offset } => write!(
                f,
                "a text is not UTF-8 in the record at byte {offset} of the manifest"
            ),
            Self::Value { field, offset } => write!(
                f,
                "`{field}` has an impossible value in the record at byte {offset} of the manifest"
            ),
            Self::Missing { field, offset } => write!(
                f,
                "`{field}` is missing in the record at byte {offset} of the manifest"
            ),
            Self::Twice { field, offset } => write!(
                f,
                "`{field}` is there twice in the record at byte {offset} of the manifest"
            ),
            Self::NoCompiler => f.write_str("the manifest does not say what built the image"),
            Self::Contradiction { what } => write!(
                f,
                "the manifest has two records of the {what} that say different things"
            ),
        }
    }
}

impl std::error::Error for ParseError {}
