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

/// Where the run of tokens `run` stands, in bytes: `count` times, or once and more.
///
/// # Errors
///
/// A sentence, if the run is no Rust or is there another number of times.
pub(super) fn places(
    source: &Source<'_>,
    run: &str,
    count: Option<usize>,
) -> Result<Vec<Range<usize>>, String> {
    let tokens = Run::parse(run).map_err(|error| format!("the run `{run}` {error}"))?;
    let found = source.find(&tokens);
    let run = run.trim();
    match count {
        Some(count) if found.len() != count => {
            let differs = differs(found.len(), count);
            Err(format!("`{run}` is there {differs}"))
        }
        None if found.is_empty() => Err(format!("`{run}` is not there")),
        _ => Ok(found.iter().map(|range| source.bytes(range)).collect()),
    }
}
