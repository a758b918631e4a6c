//! Whether a module fits its host.
//!
//! One question decides about every field of a manifest: can the layout or the meaning of what the
//! two share depend on it?
//!
//! | what | must it match? | why |
//! | --- | --- | --- |
//! | ABI version | yes | the descriptors of keys and the host's functions change with it |
//! | rustc: version and commit | yes | the layout of Rust's types, and its calling convention, hold for one compiler only; std's types are among them |
//! | target | yes | sizes, and the C types of the system |
//! | panic strategy | yes | the layout of some futures depends on it, and a panic in a module built with `abort` ends the process, where the host counts on an error |
//! | debug assertions | yes | mio and others have fields that are there only with them |
//! | layout probe | yes | `-Z randomize-layout` moves the fields of every type |
//! | a forked crate that both have: version | yes | its types are different types |
//! | … checksum, sources | yes | if somebody changed a version, or applied another recipe, it may have any layout |
//! | … features | yes, each | fields and variants come and go with them |
//! | … features that only turn on others (`default`, `full`) | no | the features that they turn on are compared |
//! | … features that only add items to this very release | no | `fork` has read its sources: what both images have is the same text |
//! | … features that the recipe calls harmless | no | the recipe says why |
//! | … cfgs (`tokio_unstable`, …) | yes, each | as features |
//! | … dependencies that layouts depend on | their versions, where both builds use them | the crate's types contain types of theirs |
//! | … types | size, alignment, offsets | this shows what nothing above shows: debug assertions of one package only, features of a dependency |
//! | … keys | the host must have each of the module's | a key that the host lacks would be private, and nobody would know |
//! | a forked crate that the host lacks, or has only in a version that cargo would let stand beside the module's | no | its keys are private to the module: host and module link it each for themselves |
//! | keys that both have | size, alignment, type | the module uses the host's value |
//! | keys that only one has | no | they are private |
//! | keys of `tls-slots` itself | the module has none | the module would contain a second registry, which resolves nothing |
//! | source files' names | no | they are paths of the machine |
//! | global allocator | not here | a file does not tell which one it is; the host tries it when the module is loaded |
//! | opt-level, LTO, codegen units, strip, debug info, overflow checks, target-cpu, other dependencies, target folder | not recorded | no layout depends on them |
//!
//! Layouts follow from all the rest. They are compared only where the rest is equal, so that a
//! message names the cause and not its consequences.
//!
//! | file | what it compares |
//! | --- | --- |
//! | `compare/compiler.rs` | how the two were compiled |
//! | `compare/crates.rs` | the forked crates that both have |
//! | `compare/layouts.rs` | the types of these crates |
//! | `compare/keys.rs` | keys |
//! | `compare/difference.rs`, `compare/mismatch.rs` | what is found, and how it is told |

mod compiler;
mod crates;
pub(crate) mod difference;
mod keys;
mod layouts;
pub(crate) mod mismatch;
#[cfg(test)]
mod tests;

use crate::manifest::Manifest;

use difference::Differences;
use mismatch::Mismatch;

/// Whether the module fits the host.
///
/// These must match: compiler, target, panic strategy, debug assertions; of each forked crate that
/// both have, version, checksum, sources, features, cfgs, dependencies and layouts; of each key
/// that both have, type, size and alignment. The table at the top of this function's file,
/// `compare.rs`, says why.
///
/// # Errors
///
/// [`Mismatch`] names each difference, with both sides' values and what to do about it.
pub fn compare(host: &Manifest, module: &Manifest) -> Result<(), Mismatch> {
    let mut found = Differences::default();
    compiler::compare(host, module, &mut found);
    keys::compare_host_half(module, &mut found);
    let pairs = crates::pairs(host, module, &mut found);
    for pair in &pairs {
        let same_profile = host.compiler.debug_assertions == module.compiler.debug_assertions;
        crates::compare(pair, same_profile, &mut found);
    }
    if found.is_empty() {
        for pair in &pairs {
            layouts::compare(pair, &mut found);
        }
        keys::compare(host, module, &pairs, &mut found);
    }
    match found.into_vec() {
        differences if differences.is_empty() => Ok(()),
        differences => Err(Mismatch { differences }),
    }
}
