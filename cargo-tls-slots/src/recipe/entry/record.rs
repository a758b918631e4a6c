//! `[record]`: what the crate says about itself in the manifest of an image, beyond what its
//! `Cargo.toml` tells.
//!
//! Without this section the rule of [`self_description`](crate::self_description) holds, which is
//! strict: every dependency that may have types counts, and so does every feature but those that
//! [only add items](crate::features). The section says where less is enough, or more is needed.

use serde::Deserialize;

use crate::recipe::why::Why;

/// How the crate's record differs from what the rule would write.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) why: Why,
    /// The feature with which the record is there. Without it, always.
    pub(crate) feature: Option<String>,
    /// The packages that the crate's layouts depend on; they are pinned. Without it, all
    /// dependencies but those that are known to have no types of their own.
    pub(crate) dependencies: Option<Vec<String>>,
    /// Features that change neither a layout nor what shared state means, though the rule cannot
    /// see it.
    #[serde(default)]
    pub(crate) harmless: Vec<String>,
    /// The path of a `&[TypeLayout]` in a file of ours.
    pub(crate) types: Option<String>,
}
