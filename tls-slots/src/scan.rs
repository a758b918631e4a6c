//! Pointers into a module that shared state has: not looked for yet.

use std::io;
use std::ops::Range;

pub(crate) fn pointers_into(_: &Range<usize>) -> io::Result<Vec<String>> {
    Ok(Vec::new())
}
