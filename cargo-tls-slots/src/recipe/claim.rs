//! Claims: what an entry of a recipe says about statics.
//!
//! Each static of a release must be claimed exactly once.
//!
//! | claims on a static | means |
//! | --- | --- |
//! | none | state that nobody has thought about: an error |
//! | one | the entry decides |
//! | two | two entries contradict each other, or say the same twice: an error |
//!
//! A claim that no static answers shows that upstream renamed or removed the static, so it is an
//! error as well. A recipe without such claims is as short as it can be.

use super::about::About;
use super::count::differs;
use crate::source::statics::Found;
use crate::source::tokens::{Run, Source};

/// Whether a claim is about what was found in the file at a path.
type Matches<'r> = Box<dyn Fn(&str, &Found) -> bool + 'r>;

/// One entry's claim on the statics of a file, while a release is being classified.
pub(super) struct Claim<'r> {
    /// The entry's reason and file.
    pub(super) about: &'r About,
    /// The subject of a sentence about the claim, such as "`static A` to be shared".
    pub(super) subject: String,
    /// What happens to the statics.
    pub(super) action: Action,
    /// How many statics have answered so far.
    pub(super) found: usize,
    matches: Matches<'r>,
    wanted: Wanted,
}

/// How many statics a claim must find.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// As many as this.
    Exactly(usize),
    /// One or more.
    Some,
}

/// What happens to a static that a claim is about.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Becomes process-wide.
    Share,
    /// Must stand in a call of one of the recipe's seams.
    Seam,
    /// Stays as it is.
    Leave,
    /// Becomes another text together with this run of tokens, which holds it. `None` is a run that
    /// is no Rust; the entry itself says so.
    Replace(Option<Run>),
}

impl<'r> Claim<'r> {
    /// A claim that nothing has answered yet.
    pub(super) fn new(
        about: &'r About,
        subject: String,
        matches: impl Fn(&str, &Found) -> bool + 'r,
        wanted: Wanted,
        action: Action,
    ) -> Self {
        Claim {
            about,
            subject,
            action,
            found: 0,
            matches: Box::new(matches),
            wanted,
        }
    }

    /// Whether the claim is about a static of the file at `path`.
    pub(super) fn is_about(&self, path: &str, found: &Found) -> bool {
        (self.matches)(path, found)
    }

    /// Whether the claim's entry replaces a run of tokens that holds the one at `index`.
    pub(super) fn replaces(&self, source: &Source<'_>, index: usize) -> bool {
        match &self.action {
            Action::Replace(Some(run)) => {
                source.find(run).iter().any(|place| place.contains(&index))
            }
            _ => false,
        }
    }

    /// What is wrong with the number of statics that answered, in one sentence.
    pub(super) fn complaint(&self) -> Option<String> {
        let predicate = match self.wanted {
            Wanted::Exactly(count) if self.found != count => {
                format!("is there {}", differs(self.found, count))
            }
            Wanted::Some if self.found == 0 => "matches nothing".to_owned(),
            _ => return None,
        };
        Some(format!("{} {predicate}", self.subject))
    }
}
