//! What all tasks of this module have in common: they are counted, and none waits for ever.

use std::time::Duration;

use site_contract::Tally;

/// This module's count of its tasks.
pub(crate) static TALLY: Tally = Tally::new();

/// How long a page waits for its formulas, and for the catalogue.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
