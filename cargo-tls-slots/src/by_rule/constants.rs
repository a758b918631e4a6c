//! Constants that refer to statics.
//!
//! ```text
//! static A: AtomicU8 = AtomicU8::new(1);   // a constant refers to it: not shared
//! static B: &AtomicU8 = &A;                // refers to what is not shared: not shared either
//! const C: &AtomicU8 = &A;
//! static D: Lazy<u8> = Lazy::new(|| A.load(Relaxed));   // a closure runs later: shared
//! ```
//!
//! The compiler evaluates constants, and it cannot ask the host for an address. So a static that a
//! constant refers to is not shared. And a static whose initialiser refers to one that is not
//! shared is not shared either: through it one copy would see the state of another.

use super::decide::Decision;
use super::uses::Use;
use crate::source::library::Library;
use crate::source::place;
use crate::source::statics::Found;

/// Takes back the decision to share what constants refer to, directly or through other statics.
///
/// `decisions` are those about `statics`, in the same order.
pub(super) fn refuse(
    library: &Library<'_>,
    statics: &[(usize, Found)],
    uses: &[Use],
    decisions: &mut [Decision],
) {
    let constants: Vec<(&Use, usize)> = uses
        .iter()
        .filter_map(|one| {
            let file = &library.files[one.file];
            if library.is_test_only(file, one.index) {
                return None;
            }
            Some((one, place::constant(&file.source, one.index)?))
        })
        .collect();
    for (one, _) in &constants {
        let file = &library.files[one.file];
        for id in &one.means {
            if let Decision::Share(..) = decisions[*id] {
                let line = file.source.line_of(one.index);
                decisions[*id] = Decision::NotShared(format!(
                    "a constant refers to it, {}:{line}, and the compiler cannot ask the host",
                    file.path
                ));
            }
        }
    }
    while refuse_holders(statics, &constants, decisions) {}
}

/// Does so once with each static whose initialiser refers to what is not shared. Returns whether
/// there was one, as others may refer to it in turn. Each call that returns `true` has made one
/// static more not shared, so a loop over it ends.
fn refuse_holders(
    statics: &[(usize, Found)],
    constants: &[(&Use, usize)],
    decisions: &mut [Decision],
) -> bool {
    let mut changed = false;
    for (one, keyword) in constants {
        let refers = one
            .means
            .iter()
            .find(|id| matches!(decisions[**id], Decision::NotShared(_)));
        let holder = statics
            .iter()
            .position(|(file, found)| *file == one.file && found.index == *keyword);
        if let (Some(id), Some(holder)) = (refers, holder)
            && let Decision::Share(..) = decisions[holder]
        {
            decisions[holder] = Decision::NotShared(format!(
                "refers to `{}`, which is not shared",
                statics[*id].1.spelling()
            ));
            changed = true;
        }
    }
    changed
}
