//! Why a module does not fit, and the message that says so.

use std::collections::BTreeSet;
use std::fmt;

use super::difference::{Difference, shortened};

/// Why a module does not fit its host.
///
/// Its `Display` is a short table, and a sentence for each thing to do. It has several lines, and
/// none at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// What differs; not empty. The most fundamental difference comes first. There are a thousand
    /// at most, even if the module differs in more.
    pub differences: Vec<Difference>,
}

impl std::error::Error for Mismatch {}

/// How many differences a message names.
const ROWS: usize = 12;

/// How wide the columns of values may be, in characters.
const VALUE: usize = 44;

/// How wide the column of the values' names may be, in characters.
const NAME: usize = 100;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.differences.len();
        let points = if count == 1 { "point" } else { "points" };
        writeln!(f, "the module does not fit its host in {count} {points}:")?;

        let shown = &self.differences[..count.min(ROWS)];
        let head = ["what", "host", "module"].map(str::to_owned);
        let rows: Vec<[String; 3]> = std::iter::once(head)
            .chain(shown.iter().map(|one| {
                [
                    shortened(&one.what, NAME),
                    shortened(&one.host, VALUE),
                    shortened(&one.module, VALUE),
                ]
            }))
            .collect();
        let width = |at: usize| {
            let widths = rows.iter().map(|row| row[at].chars().count());
            widths.max().unwrap_or_default()
        };
        let (what, host) = (width(0), width(1));
        for [a, b, c] in &rows {
            writeln!(f, "  {a:what$}  {b:host$}  {c}")?;
        }
        if count > ROWS {
            writeln!(f, "  … and {} more", count - ROWS)?;
        }
        let mut said = BTreeSet::new();
        let fixes = shown.iter().filter(|one| said.insert(&one.fix));
        let fixes: Vec<&str> = fixes.map(|one| one.fix.as_str()).collect();
        f.write_str(&fixes.join("\n"))
    }
}
