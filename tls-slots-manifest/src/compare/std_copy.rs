//! The copies of std. Each image must have its own.
//!
//! Where two images have one std, their panics and their thread ids are of one copy, and the host
//! takes them for those of two: it could not tell which image a panic is of, and would count thread
//! ids twice. Where only one of them has a std that others may share, nobody knows who else does.

use crate::description::{Description, StdCopy};

use super::difference::Differences;

/// Compares which copies of std the two use.
pub(super) fn compare(host: &Description, module: &Description, found: &mut Differences) {
    let who = match (&host.std, &module.std) {
        (StdCopy::Own, StdCopy::Own) => return,
        (StdCopy::Own, _) => "the module",
        (_, StdCopy::Own) => "the host",
        _ => "both",
    };
    let describe = |std: &StdCopy| match std {
        StdCopy::Own => "its own".to_owned(),
        StdCopy::Shared { file } => format!("shared, by {file}"),
    };
    found.add(
        "std",
        describe(&host.std),
        describe(&module.std),
        format!(
            "Build {who} without `-C prefer-dynamic`, and without a dependency that is a Rust \
             `dylib` (`crate-type = [\"rlib\"]` in its place): each image must have a std of its \
             own."
        ),
    );
}
