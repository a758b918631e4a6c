//! `[[share]]`: a static becomes process-wide.
//!
//! The engine puts the declaration, with its attributes and its visibility, into a call of
//! `crate::external_tls::process_local!`. Uses need no edit: what the macro declares dereferences
//! to the value.
//!
//! ```toml
//! [[share]]
//! file = "src/runtime/task/id.rs"
//! name = "NEXT_ID"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::Entry;
use crate::recipe::about::About;
use crate::recipe::claim::{Action, Claim};
use crate::source::statics::Form;

/// A static that becomes process-wide. It must be a plain `static`: the `mut` of a `static mut` and
/// the `ref` of a `static ref` need a `[[replace]]`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Share {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// Its name. All statics of that name in the file are meant, each for another `cfg` or
    /// function.
    pub(crate) name: String,
}

impl Entry for Share {
    fn about(&self) -> &About {
        &self.about
    }

    fn claims(&self) -> Vec<Claim<'_>> {
        vec![Claim::new(
            format!("`static {}` to be shared", self.name),
            |path, found| {
                path == self.about.file && found.name == self.name && found.form == Form::Plain
            },
            Action::Share,
        )]
    }
}
