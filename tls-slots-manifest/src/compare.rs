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
//! | layout probe | yes | `-Z randomize-layout` moves the fields of every type, by a seed and by the compiler's id of the type's crate |
//! | rustc's flags that change how functions are called, or what code expects of its process | yes, each | `compare/flags.rs` has a table of them |
//! | a forked crate that both have: version | yes | its types are different types |
//! | … checksum, sources | yes | if somebody changed a version, or applied another recipe, it may have any layout |
//! | … features | yes, each | fields and variants come and go with them |
//! | … features that only turn on others (`default`, `full`) | no | the features that they turn on are compared |
//! | … features that only add items to this very release | no | `fork` has read its sources: what both images have is the same text |
//! | … features that the recipe calls harmless | no | the recipe says why |
//! | … cfgs (`tokio_unstable`, …) | yes, each | as features |
//! | … dependencies that layouts depend on | their versions, where both builds use them | the crate's types contain types of theirs |
//! | … types | size, alignment, offsets | this shows what nothing above shows: debug assertions of one package only, features of a dependency |
//! | … keys | the host must have each of the module's, or allow it | a key that the host lacks would be private, and nobody would know |
//! | another crate with keys that both have: version | yes, if cargo would take the two as one | there would be two of each key |
//! | … sources: tokens, without comments and unit tests | yes, or the host trusts them | types change while a version stays; so do the names of keys |
//! | … features and cfgs that its sources ask for | yes, each | as those of a forked crate |
//! | … features of the target, if its sources ask for one | yes, all | its types may depend on one |
//! | … keys | as those of a forked crate | as there |
//! | a forked crate that the host lacks altogether, or has only in a version that cargo would let stand beside the module's | no | its keys are private to the module: host and module link it each for themselves |
//! | keys that both have | size, alignment, type | the module uses the host's value |
//! | keys that only one has | no | they are private |
//! | keys of `tls-slots` itself | the module has none | the module would contain a second registry, which resolves nothing |
//! | source files' names, lines and columns | no | they are paths of the machine; a comment moves a line |
//! | a forked crate that the other side has without the fork, with its state | refused | the state is shared on one side and private on the other, and values of the crate meet both |
//! | std | each its own | a std that two images share has panics and thread ids that the host takes for two |
//! | global allocator | not here | a file does not tell which one it is; the host tries it when the module is loaded |
//! | opt-level, LTO, codegen units, strip, debug info, overflow checks, `-Z ub-checks`, other dependencies, target folder | not recorded | no layout depends on them, and no call |
//! | target-cpu, and target features that no calling convention needs | only where sources ask for them | functions of the Rust ABI take and give vectors by a pointer, whatever the CPU; rustc refuses an `extern "C"` function with a vector type whose feature is off. (Seen in the code that rustc 1.95 makes for x86-64, x86-64-v3 and x86-64-v4.) |
//!
//! Layouts follow from all the rest. They are compared only where the rest is equal, so that a
//! message names the cause and not its consequences.
//!
//! | file | what it compares |
//! | --- | --- |
//! | `compare/host_half.rs` | whether the module contains the host's half |
//! | `compare/compiler.rs` | how the two were compiled |
//! | `compare/flags.rs` | rustc's flags that change the binary interface, with the reason for each |
//! | `compare/std_copy.rs` | the copies of std |
//! | `compare/private.rs` | forks of one side that are private on the other |
//! | `compare/unforked.rs` | … where the other has no manifest at all |
//! | `compare/crates.rs` | the forked crates that both have |
//! | `compare/layouts.rs` | the types of these crates |
//! | `compare/keys.rs` | keys |
//! | `compare/agreed.rs` | which crates' types may cross, where the images fit |
//! | `compare/difference.rs`, `compare/mismatch.rs` | what is found, and how it is told |

pub(crate) mod agreed;
mod compiler;
mod crates;
pub(crate) mod difference;
mod flags;
pub(crate) mod host_half;
mod keys;
mod layouts;
pub(crate) mod mismatch;
pub(crate) mod private;
mod std_copy;
#[cfg(test)]
mod tests;
pub(crate) mod unforked;

use crate::allowed::Allowed;
use crate::description::Description;

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
pub fn compare(
    host: &Description,
    module: &Description,
    allowed: &Allowed,
) -> Result<(), Mismatch> {
    let mut found = Differences::default();
    host_half::compare(&module.manifest, &mut found);
    if !found.is_empty() {
        return Err(Mismatch {
            differences: found.into_vec(),
        });
    }
    compiler::compare(&host.manifest, &module.manifest, &mut found);
    std_copy::compare(host, module, &mut found);
    private::compare(host, module, allowed, &mut found);
    let (host, module) = (&host.manifest, &module.manifest);
    keys::compare_packages(host, module, allowed, &mut found);
    let pairs = crates::pairs(host, module, &mut found);
    for pair in &pairs {
        let same_profile = host.compiler.debug_assertions == module.compiler.debug_assertions;
        let answers = [host, module].map(|one| one.compiler.asked_for.as_str());
        crates::compare(pair, same_profile, answers, allowed, &mut found);
    }
    if found.is_empty() {
        for pair in &pairs {
            layouts::compare(pair, &mut found);
        }
        keys::compare(host, module, &pairs, allowed, &mut found);
    }
    match found.into_vec() {
        differences if differences.is_empty() => Ok(()),
        differences => Err(Mismatch { differences }),
    }
}
