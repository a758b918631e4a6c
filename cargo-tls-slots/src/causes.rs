//! An error and its causes in one sentence, for callers who hand errors on as text.
//!
//! The errors of this crate keep their causes apart, as [`Error::source`]. The command shows each
//! cause on a line of its own; a log or another error wants all of them on one line.

use std::error::Error;
use std::fmt::Write as _;

/// The text of an error and of all that caused it, with colons between.
///
/// A cause whose text is part of the error's text already would be said twice. The errors of this
/// crate do not do that: either an error names its cause, or it has it as its source.
///
/// # Examples
///
/// ```
/// # use std::{error::Error, fmt, num::ParseIntError};
/// # #[derive(Debug)]
/// # struct BadPort(ParseIntError);
/// # impl fmt::Display for BadPort {
/// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
/// #         f.write_str("the port cannot be read")
/// #     }
/// # }
/// # impl Error for BadPort {
/// #     fn source(&self) -> Option<&(dyn Error + 'static)> {
/// #         Some(&self.0)
/// #     }
/// # }
/// let error = BadPort("x".parse::<u16>().unwrap_err());
/// let text = cargo_tls_slots::with_causes(&error);
/// assert_eq!(text, "the port cannot be read: invalid digit found in string");
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
