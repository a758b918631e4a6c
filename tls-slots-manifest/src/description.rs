//! All that is known of an image for the comparison.
//!
//! The problem: a manifest tells what an image *says* of itself. Two faults are in what it does not
//! say: a crate that the image links without the fork, and a std that the image shares with others.
//! Both are seen from outside, in the file or in memory. A [`Description`] has all three.
//!
//! | part | from a file | from memory |
//! | --- | --- | --- |
//! | [`Manifest`] | its section | its section |
//! | [`StdCopy`] | the libraries that it needs | where a function of std lies |
//! | [`PrivateState`] | symbols, and paths of source files | not known |

use crate::manifest::Manifest;
use crate::private_state::PrivateState;

/// All that is known of an image for the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// What the image says of itself.
    pub manifest: Manifest,
    /// Which copy of std its code uses.
    pub std: StdCopy,
    /// Crates whose state the image has for itself.
    pub private: PrivateState,
}

/// Which copy of std the code of an image uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StdCopy {
    /// Its own, as rustc links std by default.
    Own,
    /// That of a shared library (`-C prefer-dynamic`).
    Shared {
        /// The library's file name, such as `libstd-5dc11d33e4c7c64b.so`.
        file: String,
    },
}

/// An image of which nothing but its manifest is known. Its std counts as its own.
impl From<Manifest> for Description {
    fn from(manifest: Manifest) -> Self {
        Self {
            manifest,
            std: StdCopy::Own,
            private: PrivateState::default(),
        }
    }
}
