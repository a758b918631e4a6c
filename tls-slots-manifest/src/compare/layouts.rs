//! The types of a forked crate that both have. A layout that differs where all else agrees has a
//! cause that no manifest names.

use std::collections::BTreeMap;

use crate::manifest::{Crate, Type};

use super::crates::Pair;
use super::difference::{Differences, sized};

/// Compares the layouts of a crate's types, and of its dependencies' types.
pub(super) fn compare(pair: &Pair<'_>, found: &mut Differences) {
    let name = &pair.host.name;
    let (ours, theirs) = (by_name(pair.host), by_name(pair.module));
    let different = theirs.iter().filter_map(|(name, theirs)| {
        let mut both = ours.get(name)?.iter().zip(theirs);
        both.find(|(ours, theirs)| ours != theirs)
    });
    let within = format!("{}::", name.replace('-', "_"));
    for (ours, theirs) in different {
        let same_size = (ours.size, ours.align) == (theirs.size, theirs.align);
        let layout = |one: &Type| {
            let size = sized(one.size, one.align);
            match same_size {
                // Half of the hash is enough to see that they differ, and fits the column.
                true => format!("{size}, fields {:08x}", one.fields as u32),
                false => size,
            }
        };
        found.add(
            format!("layout of {}", theirs.name.replace("crate::", &within)),
            layout(ours),
            layout(theirs),
            format!(
                "Build {name} and its dependencies alike on both sides: a layout differs, though \
                 compiler, versions, features and cfgs agree. Look for debug assertions of single \
                 packages (RUSTFLAGS, `[profile.….package.…]`) and for features of its \
                 dependencies."
            ),
        );
    }
}

/// Types by name. Several types may have one name; both manifests name them in the same order.
fn by_name(one: &Crate) -> BTreeMap<&str, Vec<&Type>> {
    let mut types = BTreeMap::<_, Vec<_>>::new();
    for one in &one.types {
        types.entry(one.name.as_str()).or_default().push(one);
    }
    types
}
