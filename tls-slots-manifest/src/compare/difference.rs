//! What differs, kept short: the values come from a file that anybody may have made.

/// One thing in which a module differs from its host.
///
/// Each text is one line without control characters, of at most a thousand characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// The host's value.
    pub host: String,
    /// The module's value.
    pub module: String,
    /// What to do, as a sentence.
    pub fix: String,
}

/// How many differences are kept. A long name must not be repeated for each of a million features.
pub(super) const MOST: usize = 1000;

/// How many characters of a text are kept.
const LONGEST: usize = 1000;

/// The differences that were found so far.
#[derive(Default)]
pub(super) struct Differences(Vec<Difference>);

impl Differences {
    /// Adds one, unless there are [`MOST`] already.
    pub(super) fn add(
        &mut self,
        what: impl Into<String>,
        host: impl Into<String>,
        module: impl Into<String>,
        fix: impl Into<String>,
    ) {
        if self.0.len() < MOST {
            self.0.push(Difference {
                what: tidy(what.into()),
                host: tidy(host.into()),
                module: tidy(module.into()),
                fix: tidy(fix.into()),
            });
        }
    }

    /// Whether nothing differs so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they were added.
    pub(super) fn into_vec(self) -> Vec<Difference> {
        self.0
    }
}

/// A text that a terminal and a log can take.
fn tidy(text: String) -> String {
    let is_tidy = |one: char| !one.is_control();
    if text.len() <= LONGEST && text.chars().all(is_tidy) {
        return text;
    }
    let all = text
        .chars()
        .map(|one| if is_tidy(one) { one } else { '\u{FFFD}' });
    shortened(&all.take(LONGEST + 1).collect::<String>(), LONGEST)
}

/// A text of at most `width` characters, the last of which is `…` where some are missing.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.chars().nth(width).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width - 1).collect();
    short.push('…');
    short
}

/// The value of something that is on or off.
pub(super) fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A size and an alignment in bytes.
pub(super) fn sized(size: u64, align: u64) -> String {
    let bytes = if size == 1 { "byte" } else { "bytes" };
    format!("{size} {bytes}, alignment {align}")
}
