//! `[[insert]]`: a text of ours before or after a run of tokens.
//!
//! The run names the place and stays as it is, so the entry says less about upstream's text than a
//! `[[replace]]` of the same run would, and fits more releases.
//!
//! ```toml
//! [[insert]]
//! file = "src/lib.rs"
//! after = "pub mod macros;"
//! text = "\n\npub mod external_tls;"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry};
use crate::recipe::about::About;
use crate::recipe::count::{one, places};
use crate::source::edit::Edit;
use crate::source::tokens::Source;

/// A text that is put beside a run of tokens. Exactly one of `before` and `after` is there.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Insert {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// The run that the text goes before.
    pub(crate) before: Option<String>,
    /// The run that the text goes after.
    pub(crate) after: Option<String>,
    /// The text.
    pub(crate) text: String,
    /// How often the run is there.
    #[serde(default = "one")]
    pub(crate) count: usize,
}

impl Entry for Insert {
    fn about(&self) -> &About {
        &self.about
    }
}

impl EditEntry for Insert {
    fn edits(&self, source: &Source<'_>) -> Result<Vec<Edit>, String> {
        let (run, after) = match (&self.before, &self.after) {
            (Some(run), None) => (run, false),
            (None, Some(run)) => (run, true),
            _ => return Err("an `insert` needs `before` or `after`, one of them".to_owned()),
        };
        let insert = |place: std::ops::Range<usize>| {
            let offset = if after { place.end } else { place.start };
            Edit::insert(offset, &self.text)
        };
        let places = places(source, run, self.count)?;
        Ok(places.into_iter().map(insert).collect())
    }
}
