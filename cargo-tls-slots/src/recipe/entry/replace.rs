//! `[[replace]]`: tokens become another text.
//!
//! The most general edit, and the one that breaks first: it names upstream's tokens. Blanks, line
//! breaks and comments between them do not matter; doc comments and strings never match.
//!
//! ```toml
//! [[replace]]
//! file = "src/macros/thread_local.rs"
//! from = "::std::thread_local!"
//! to = "crate::external_tls::thread_local!"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry};
use crate::recipe::about::About;
use crate::recipe::claim::{Action, Claim, Wanted};
use crate::recipe::count::{one, places};
use crate::source::edit::Edit;
use crate::source::tokens::{Run, Source};

/// A run of tokens that becomes another text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Replace {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// The run of tokens; it may stop inside a group.
    pub(crate) from: String,
    /// The text.
    pub(crate) to: String,
    /// How often the run is there.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// The statics in `from` that the edit makes shared: a thread-local, a `static mut`, or one of
    /// a macro, of which no other entry could say so.
    #[serde(default)]
    pub(crate) shares: Vec<String>,
}

impl Entry for Replace {
    fn about(&self) -> &About {
        &self.about
    }

    /// The statics in the run are this entry's alone: no other entry may claim what is no longer
    /// there afterwards. Others of the same name elsewhere in the file are not its own.
    fn claims(&self) -> Vec<Claim<'_>> {
        self.shares
            .iter()
            .map(|name| {
                Claim::new(
                    &self.about,
                    format!("`static {name}` that a `replace` shares"),
                    move |path, found| path == self.about.file && found.name == *name,
                    Wanted::Exactly(self.count),
                    Action::Replace(Run::parse(&self.from).ok()),
                )
            })
            .collect()
    }
}

impl EditEntry for Replace {
    fn edits(&self, source: &Source<'_>) -> Result<Vec<Edit>, String> {
        let places = places(source, &self.from, self.count)?.into_iter();
        Ok(places.map(|place| Edit::replace(place, &self.to)).collect())
    }
}
