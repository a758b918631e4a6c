//! The registry: which images there are, and what each of their keys resolves to.
//!
//! The host is the authority. Its own keys are registered first, whichever image comes first. A
//! module's key is then *shared* if the host has the same one, and *private* to the module
//! otherwise.
//!
//! An image that does not fit is *refused*: its keys stay unresolved, and their use panics with the
//! reason. The manifests are compared first (`fit/`), then size and alignment of every key that
//! both sides have: a manifest cannot tell two keys of one name apart.
//!
//! | file | question |
//! | --- | --- |
//! | `identity.rs` | when two keys are the same |
//! | `images.rs` | which images there are |
//! | `register.rs` | what happens when an image comes, and when it goes |

pub(crate) mod identity;
pub(crate) mod images;
pub(crate) mod register;
