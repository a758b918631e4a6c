//! Which features of a crate change nothing that a host and its modules share.
//!
//! # The problem
//!
//! Two builds of a crate that differ in a feature may differ in a type, in the methods of a trait
//! object, in a static. Most features do nothing of that kind: they add functions. To refuse a
//! module for these is to refuse it for nothing; a list of them for each crate and release would be
//! wrong tomorrow.
//!
//! # The rule
//!
//! A feature is *harmless* if all it does is to add items, and if no added item can change what the
//! others mean. Then the code that both builds have is the same text, and each name in it means the
//! same: types have the same layout, traits the same methods, state the same meaning. All must hold:
//!
//! | | refused, for example |
//! | --- | --- |
//! | the feature decides about whole items of a Rust module or of a type's own `impl` | a field, a variant, a trait's item, a statement, `cfg!` |
//! | it adds: no condition holds without it that does not hold with it | `not(feature = "f")` |
//! | no added item takes another's [place](names) | two backends with one name, a glob import, a method that a trait has as well |
//! | no state is added: no static, no key, nothing that the linker knows by name | `static CACHE` |
//! | no type gets a `Drop`, or is `Copy`, that is there without | `impl Drop for Guard` |
//! | what a `#[cfg_attr]` adds are lints, documentation and derives of known traits | `repr` |
//! | no build script looks at features, and none is named where nobody knows what it does | a macro's body, `feature = $name` |
//!
//! What a feature turns on (other features, dependencies) is told by `Cargo.toml`, and
//! [`self_description`](crate::self_description) looks at that. A feature that other crates
//! evaluate, in a macro of this one, is not this crate's feature.
//!
//! A condition such as `any(feature = "rt", feature = "macros")` on a field depends on `macros`
//! only where `rt` is off. So a feature may be harmless in builds with another one, or without another
//! one, or without the crate's unstable cfgs. The answer is then a condition, which the record evaluates in
//! each image. What such a condition names is compared itself, so it is the same on both sides: the
//! feature in it is never one that is harmless.
//!
//! What the rule cannot see: a macro of another crate that reads features from a text, and an added
//! trait of another crate whose method goes before one that common code calls.
//!
//! | file | what |
//! | --- | --- |
//! | [`sites`] | the places where a feature makes a difference |
//! | [`names`] | whether an added name takes another's place |
//! | [`items`] | where an item stands and ends |
//! | [`gates`] | the conditions around a place |
//! | [`condition`] | what a feature does to a condition |

mod condition;
mod gates;
mod items;
mod names;
mod sites;
#[cfg(test)]
mod tests;

pub(crate) mod rule;
