//! How often something is there: an entry says it, and every other number is an error.

use std::ops::Range;

use crate::source::tokens::{Run, Source};

/// How often an entry expects what it names, if it does not say so.
pub(super) fn one() -> usize {
    1
}

/// A number of times, in words.
pub(super) fn times(count: usize) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

/// The ends of the sentences that say how often something is there and how often it should be.
pub(super) fn differs(found: usize, wanted: usize) -> String {
    format!("{}, not {}", times(found), times(wanted))
}

/// Where the run of tokens `run` stands, in bytes: `count` times, or any number of times.
///
/// # Errors
///
/// [`Misfit`], if the run is no Rust or is there another number of times.
pub(super) fn places(
    source: &Source<'_>,
    run: &str,
    count: Option<usize>,
) -> Result<Vec<Range<usize>>, Misfit> {
    let tokens = Run::parse(run).map_err(|error| Misfit {
        is_absent: false,
        message: format!("the run `{run}` {error}"),
    })?;
    let found = source.find(&tokens);
    match count.unwrap_or(found.len().max(1)) {
        count if found.len() != count => Err(Misfit {
            is_absent: found.is_empty(),
            message: format!("`{}` is there {}", run.trim(), differs(found.len(), count)),
        }),
        _ => Ok(found.iter().map(|range| source.bytes(range)).collect()),
    }
}

/// What an entry names does not fit a release.
#[derive(Debug)]
pub(super) struct Misfit {
    /// Whether the release has nothing of it.
    pub(super) is_absent: bool,
    /// What is wrong, in one sentence.
    pub(super) message: String,
}
