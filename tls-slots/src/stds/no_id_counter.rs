//! Targets on which the counter of a module's std is not looked for.

use crate::image::memory::Memory;
use crate::keys::abi::Std;

/// Sets nothing.
///
/// # Safety
///
/// None.
pub(super) unsafe fn set(_: &Std, _: &Memory, _: u64) -> Option<u64> {
    None
}
