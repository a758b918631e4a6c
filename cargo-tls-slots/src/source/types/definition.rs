//! What one of a crate's own types is made of, read off its tokens.
//!
//! | definition | parameters | bodies |
//! | --- | --- | --- |
//! | `struct A<T> { x: T }` | `T` | `x: T` |
//! | `struct A<T = B>(T);` | `T`, with the default `B` | `T` |
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
    /// What the parameters are where a use gives no arguments.
    pub(super) defaults: Vec<Range<usize>>,
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
        let generics = Generics::read(source, keyword + 2)?;
        let bodies = match source.at(keyword) {
            "type" => vec![alias(source, generics.end)?],
            _ => fields(source, generics.end),
        };
        Some(Definition {
            source,
            parameters: generics.parameters,
            defaults: generics.defaults,
            bodies,
            is_enum: source.at(keyword) == "enum",
        })
    }
}

/// What a type says before its fields.
struct Generics<'a> {
    /// The names of the parameters.
    parameters: Vec<&'a str>,
    /// The types that parameters have if nobody gives one.
    defaults: Vec<Range<usize>>,
    /// The index behind them.
    end: usize,
}

impl<'a> Generics<'a> {
    /// Reads the generic parameters that begin at `at`, if any do. `None` if the text ends in them.
    fn read(source: &Source<'a>, at: usize) -> Option<Self> {
        let mut generics = Generics {
            parameters: Vec::new(),
            defaults: Vec::new(),
            end: at,
        };
        if source.at(at) != "<" {
            return Some(generics);
        }
        let mut depth = 0;
        let mut begins = true;
        let mut default = None;
        for at in at..source.tokens.len() {
            let is_last = match source.at(at) {
                "<" => {
                    depth += 1;
                    false
                }
                ">" if source.before(at, 1) != "-" => {
                    depth -= 1;
                    depth == 0
                }
                _ => false,
            };
            if is_last || depth == 1 && source.at(at) == "," {
                generics
                    .defaults
                    .extend(default.take().map(|start| start..at));
                begins = true;
            } else if depth == 1 && source.at(at) == "=" {
                default = Some(at + 1);
            } else if begins && source.tokens[at].kind == Kind::Ident && source.at(at) != "const" {
                generics.parameters.push(source.at(at));
                begins = false;
            }
            if is_last {
                generics.end = at + 1;
                return Some(generics);
            }
        }
        None
    }
}

/// The type of an alias whose `=` is at `at`.
fn alias(source: &Source<'_>, at: usize) -> Option<Range<usize>> {
    (source.at(at) == "=").then_some(at + 1..source.end_of_item(at)?)
}

/// The groups of fields of a type whose name and parameters end before `at`.
fn fields(source: &Source<'_>, mut at: usize) -> Vec<Range<usize>> {
    let mut bodies = Vec::new();
    while at < source.tokens.len() {
        match source.at(at) {
            ";" => break,
            // In a `where` clause.
            "[" => at = source.tokens[at].pair,
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
