//! Claims: what an entry of a recipe says about statics.
//!
//! Each static of a release that may be state must be claimed exactly once.
//!
//! | claims on a static | means |
//! | --- | --- |
//! | none | state that nobody has thought about: an error |
//! | one | the entry decides |
//! | two | two entries contradict each other, or say the same twice: an error |
//!
//! A claim demands nothing of a release: one that no static answers is about a static that this
//! release does not have. If upstream has renamed it, the new name is unclaimed, and that is the
//! error. So one entry serves all releases that have the static.

use crate::source::statics::Found;
use crate::source::tokens::{Run, Source};

/// Whether a claim is about what was found in the file at a path.
type Matches<'r> = Box<dyn Fn(&str, &Found) -> bool + 'r>;

/// One entry's claim on the statics of a file.
pub(super) struct Claim<'r> {
    /// The claim in a sentence, such as "`static A` to be shared".
    pub(super) subject: String,
    /// What happens to the statics.
    pub(super) action: Action,
    matches: Matches<'r>,
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
    /// Stays as it is, unless it is known to change: nobody has seen it by its name.
    LeaveConstants,
    /// Becomes another text together with one of these runs of tokens, which holds it. A run that
    /// is no Rust is not among them; the entry itself says so.
    Replace(Vec<Run>),
}

impl<'r> Claim<'r> {
    /// A claim on the statics that `matches`.
    pub(super) fn new(
        subject: String,
        matches: impl Fn(&str, &Found) -> bool + 'r,
        action: Action,
    ) -> Self {
        Claim {
            subject,
            action,
            matches: Box::new(matches),
        }
    }

    /// Whether the claim is about a static of the file at `path`.
    pub(super) fn is_about(&self, path: &str, found: &Found) -> bool {
        (self.matches)(path, found)
    }

    /// Whether the claim's entry replaces a run of tokens that holds the one at `index`.
    pub(super) fn replaces(&self, source: &Source<'_>, index: usize) -> bool {
        match &self.action {
            Action::Replace(runs) => runs
                .iter()
                .flat_map(|run| source.find(run))
                .any(|place| place.contains(&index)),
            _ => false,
        }
    }
}
