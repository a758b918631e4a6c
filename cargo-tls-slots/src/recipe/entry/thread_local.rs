//! `[[thread_local]]`: a thread-local that is shared because it goes through a seam.
//!
//! Nothing is edited where it stands: the seam's definition was changed. The entry is there so that
//! somebody has thought about the thread-local, and so that a release which declares it in another
//! way is noticed.
//!
//! ```toml
//! [[thread_local]]
//! file = "src/runtime/context.rs"
//! name = "CONTEXT"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::Entry;
use crate::recipe::about::About;
use crate::recipe::claim::{Action, Claim};

/// A thread-local in a call of one of the recipe's seams. One that another macro declares is an
/// error: it would not reach the host.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ThreadLocal {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// Its name.
    pub(crate) name: String,
}

impl Entry for ThreadLocal {
    fn about(&self) -> &About {
        &self.about
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        vec![Claim::new(
            format!("the thread-local `{}`", self.name),
            |path, found| {
                path == self.about.file && found.name == self.name && found.thread_local.is_some()
            },
            Action::Seam,
        )]
    }
}
