//! `[[seam]]`: a macro of upstream that all thread-locals go through.
//!
//! tokio declares each thread-local by `tokio_thread_local!`, whose definition is the one place
//! that has to be changed. The entry tells the engine two things: the `static $name` in the
//! definition is a pattern and no state, and a `static` in a *call* of the macro reaches the host.
//!
//! ```toml
//! [[seam]]
//! file = "src/macros/thread_local.rs"
//! macro = "tokio_thread_local"
//! count = 2
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::Entry;
use crate::recipe::about::About;
use crate::recipe::claim::{Action, Claim};
use crate::recipe::count::{differs, one};
use crate::source::tokens::{Kind, Source};

/// A macro that declares thread-locals. What its definition expands to is changed by a
/// `[[replace]]`; the statics in the definition are patterns, and this entry says so.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Seam {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// Its name, without `!`.
    #[serde(rename = "macro")]
    pub(crate) name: String,
    /// How many definitions of it the file has. One more than known is an error: it may expand to
    /// something that does not reach the host.
    #[serde(default = "one")]
    pub(crate) count: usize,
}

impl Entry for Seam {
    fn about(&self) -> &About {
        &self.about
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        vec![Claim::new(
            format!("the seam `{}!`", self.name),
            |path, found| path == self.about.file && found.definition.as_ref() == Some(&self.name),
            Action::Leave,
        )]
    }

    fn complaint(&self, source: &Source<'_>) -> Option<String> {
        let defines = |index: &usize| {
            source.tokens[*index].kind == Kind::Open
                && source.macro_definition(*index) == Some(&self.name)
        };
        let count = (0..source.tokens.len()).filter(defines).count();
        (count != self.count).then(|| {
            let differs = differs(count, self.count);
            format!("the seam `{}!` is defined {differs}", self.name)
        })
    }
}
