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
//! same: types have the same layout, traits the same methods, state the same meaning.
//! All must hold:
//!
//! 1. The feature decides about whole items of a Rust module, or of a type's own `impl`. It is
//!    compared if it decides about a field, a variant, a trait's item, a statement, or in `cfg!`.
//! 2. It adds: no condition holds without it that does not hold with it. `not(feature = "f")` does.
//! 3. No added item takes another's [place](adds): two backends with one name, a name that a glob
//!    import may bring, a method that a trait has as well.
//! 4. No state is added: no static that may change, no key, nothing that the linker knows by name.
//! 5. No type that is there without the feature gets a `Drop` by it, or becomes `Copy` or `Clone`.
//! 6. What a `#[cfg_attr]` adds are lints, documentation and derives of known traits.
//! 7. No build script looks at features, and none is named where nobody knows what it does, as in a
//!    macro's body or as `feature = $name`.
//!
//! What a feature turns on (other features, dependencies) is told by `Cargo.toml`, and
//! [`self_description`](crate::self_description) looks at that. A feature that other crates
//! evaluate, in a macro of this one, is not this crate's feature.
//!
//! # Why that is enough
//!
//! Take one build with the feature and one without, all else being equal. Call *common* what both
//! have.
//!
//! 1. Each common item has the same tokens in both builds: no condition inside of it depends on the
//!    feature.
//! 2. Each name in a common item means the same declaration in both builds. It can mean another one
//!    only if a declaration is there in one build alone, and another of that name takes its place
//!    in the other build. Such declarations are looked for.
//! 3. So each common type has the same fields, which have the same types. It has the same size, the
//!    same offsets and the same drop glue, as no `Drop` is added.
//! 4. Each common trait has the same methods in the same order, so its trait objects have the same
//!    table.
//! 5. Each common function does the same with what is shared, and no state is there in one build
//!    alone.
//!
//! A value of a type that only one build has cannot get into the other: nothing common can name the
//! type. It can get there behind a trait object, whose table is then that of its own image.
//!
//! Features that differ at once are no trouble either. Conditions that hold more often with each of
//! two features hold more often with both.
//!
//! # Answers that depend on the build
//!
//! A condition such as `any(feature = "rt", feature = "macros")` on a field depends on `macros`
//! only where `rt` is off. So a feature may be harmless in builds with another one, or without
//! another one, or without the crate's unstable cfgs. The answer is then a condition, which the
//! record evaluates in each image:
//!
//! ```text
//! ("fs", cfg!(feature = "fs"), cfg!(all(feature = "rt", not(tokio_unstable)))),
//! ("io-util", cfg!(feature = "io-util"), false), // src/io/mod.rs:280, and 6 other places
//! ```
//!
//! What such a condition names is compared itself, so it is the same on both sides. The other
//! feature in it is never one that is harmless: of two features that are each harmless because of
//! the other one, one is compared.
//!
//! # What the rule cannot see
//!
//! - A macro of another crate that reads features from a text.
//! - An added `use` of another crate's trait, whose method goes before one that common code calls.
//!   The compiler takes that for an error in most cases.
//! - An added `impl` of a trait for a type whose `Deref` target has the trait as well, or whose
//!   reference has it: common code then calls the added method. `Clone` is looked at.
//! - A feature of another crate, which a feature of this one turns on: it is compared.
//!
//! | file | what |
//! | --- | --- |
//! | [`sites`] | the places where a feature makes a difference |
//! | [`impls`] | where an `impl` changes what is there without it |
//! | [`adds`] | what an added item may take the place of |
//! | [`names`] | which names are declared where |
//! | [`items`] | where an item stands and ends |
//! | [`gates`] | the conditions around a place |
//! | [`condition`] | what a feature does to a condition |

mod adds;
mod condition;
mod gates;
mod impls;
mod items;
mod names;
mod sites;
#[cfg(test)]
mod tests;

pub(crate) mod rule;
