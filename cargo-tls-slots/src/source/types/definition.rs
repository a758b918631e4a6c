//! What one of a crate's own types is made of, read off its tokens.
//!
//! | definition | parameters | bodies |
//! | --- | --- | --- |
//! | `struct A<T> { x: T }` | `T` | `x: T` |
//! | `struct B(u8, C) where …;` | | `u8, C` |
//! | `enum D { E, F(u8) = 3 }` | | `E, F(u8) = 3` |
//! | `type G = [A; 2];` | | `[A; 2]` |
//! | `struct H;`, `type I;` of a trait | | none; not a definition |

use std::ops::Range;

use crate::source::tokens::{Kind, Source};

/// A struct, enum, union or type alias of the crate.
pub(super) struct Definition<'a> {
    /// The file that defines it.
    pub(super) source: &'a Source<'a>,
    /// Its generic parameters. Their arguments are looked at where the type is used.
    pub(super) parameters: Vec<&'a str>,
    /// The groups that hold its fields, or an alias's type.
    pub(super) bodies: Vec<Range<usize>>,
    /// Whether names of variants stand where a struct has its fields' types.
    pub(super) is_enum: bool,
}

impl<'a> Definition<'a> {
    /// Reads the definition whose keyword (`struct`, `enum`, `union`, `type`) is at `keyword`.
    ///
    /// Returns `None` for an associated type without a value, and for a text that ends too early.
    pub(super) fn read(source: &'a Source<'a>, keyword: usize) -> Option<Self> {
        let (parameters, at) = parameters(source, keyword + 2)?;
        let bodies = match source.at(keyword) {
            "type" => vec![alias(source, at)?],
            _ => fields(source, at),
        };
        Some(Definition {
            source,
            parameters,
            bodies,
            is_enum: source.at(keyword) == "enum",
        })
    }
}

/// The generic parameters that begin at `at`, if any do, and the index behind them.
///
/// Bounds may come along as names, which does no harm: a parameter's bound is no field.
fn parameters<'a>(source: &Source<'a>, at: usize) -> Option<(Vec<&'a str>, usize)> {
    let mut parameters = Vec::new();
    if source.at(at) != "<" {
        return Some((parameters, at));
    }
    let mut depth = 0;
    for at in at.. {
        match source.at(at) {
            "<" => depth += 1,
            ">" if source.before(at, 1) != "-" => depth -= 1,
            "" => return None,
            name if source.tokens[at].kind == Kind::Ident && depth == 1 => parameters.push(name),
            _ => {}
        }
        if depth == 0 {
            return Some((parameters, at + 1));
        }
    }
    None
}

/// The type of an alias whose `=` is at `at`.
fn alias(source: &Source<'_>, at: usize) -> Option<Range<usize>> {
    let end = (at..source.tokens.len()).find(|index| source.at(*index) == ";")?;
    (source.at(at) == "=").then_some(at + 1..end)
}

/// The groups of fields of a type whose name and parameters end before `at`.
fn fields(source: &Source<'_>, mut at: usize) -> Vec<Range<usize>> {
    let mut bodies = Vec::new();
    while at < source.tokens.len() {
        match source.at(at) {
            ";" => break,
            "{" => {
                bodies.push(at + 1..source.tokens[at].pair);
                break;
            }
            // A tuple struct; a `where` clause may follow.
            "(" if bodies.is_empty() => {
                bodies.push(at + 1..source.tokens[at].pair);
                at = source.tokens[at].pair;
            }
            _ => {}
        }
        at += 1;
    }
    bodies
}
