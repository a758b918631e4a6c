//! State that an image has for itself: statics and thread-locals of crates that are no keys.

/// The state of crates that an image has for itself, as far as its file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivateState {}
