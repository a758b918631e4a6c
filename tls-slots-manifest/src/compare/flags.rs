//! The flags for rustc that change the binary interface.
//!
//! The problem: rustc compares some flags of the crates that it links (target modifiers, RFC 3716),
//! because code that was compiled with them does not work beside code that was compiled without
//! them. A linked file has no trace of them. The build script of `tls-keys` sees them where they
//! come by `RUSTFLAGS` or by cargo's configuration, and the manifest has those that are set.
//!
//! | flag | must it match? | why |
//! | --- | --- | --- |
//! | `-Z sanitizer=address` | if the module has it, so must the host | the module's code calls the runtime, which only a program brings; code without it works in a program that has it, as std does |
//! | `-Z sanitizer=memory`, `thread`, `dataflow` | yes | the runtime must see every access; what it does not see it reports as a fault |
//! | `-Z sanitizer=cfi` | must be off | each indirect call of such an image is checked against a list of functions, which is made when the image is linked; functions of other images are not in it |
//! | `-Z sanitizer=kcfi`, `-Z sanitizer-cfi-normalize-integers` | yes | each call looks for a number before the function that is called |
//! | `-Z sanitizer=safestack`, `shadow-call-stack`, `hwaddress`, `memtag` | yes | a second stack, a register or the upper bits of pointers belong to it |
//! | `-Z sanitizer=leak` | not recorded | it changes no code |
//! | `-Z fixed-x18` | yes | code that was compiled without it overwrites the register |
//! | `-Z regparm`, `-Z reg-struct-return` | yes | where arguments and results are |
//! | `-Z retpoline`, `-Z retpoline-external-thunk`, `-Z indirect-branch-cs-prefix`, `-Z branch-protection` | yes | they protect a process only if all of its code has them, and rustc does not mix them either |
//! | `-Z panic-in-drop` | yes | code that was compiled with `abort` has no way out for a panic of the other side's destructor; rustc has it compared by itself, so only an image with a std of its own build (`-Z build-std`) can have it |
//! | `-Z virtual-function-elimination` | must be off | the linker removes methods that *this* image does not call; the other side may call them |
//! | `-C target-feature` of what the calling convention needs (`-sse2`, `+soft-float`, `-neon`, …) | yes | where floating-point arguments and results are |
//! | `-Z randomize-layout` | by the layout probe | |
//! | `-Z ub-checks`, `-Z cf-protection`, `-Z stack-protector`, `-Z function-return`, `-C force-frame-pointers`, `-C relocation-model` | not recorded | they change what is inside a function, and not how it is called |
//!
//! # What stays unseen
//!
//! Flags that do not come by `RUSTFLAGS` or by cargo's configuration: those after `--` of `cargo
//! rustc`, which reach one crate only, cargo's unstable `profile.rustflags`, and what a wrapper of
//! rustc adds. The panic strategy, debug assertions and the layout probe are seen all the same,
//! because `tls-keys` is compiled with them. A target that is described by a JSON file is known by
//! its name only.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::Flag;

use super::difference::Differences;

/// Compares the flags of the two.
pub(super) fn compare(host: &[Flag], module: &[Flag], found: &mut Differences) {
    let [host, module] = [host, module].map(|flags| {
        let flags = flags.iter().map(|flag| (&*flag.name, &*flag.value));
        flags.collect::<BTreeMap<&str, &str>>()
    });
    let names: BTreeSet<&str> = host.keys().chain(module.keys()).copied().collect();
    for name in names {
        let option = match name {
            "target-feature" => "-C target-feature".to_owned(),
            _ => format!("-Z {name}"),
        };
        let (ours, theirs) = (host.get(name).copied(), module.get(name).copied());
        let fix = match (must_be_off(name, ours, theirs), ours) {
            (Some(reason), _) => format!("Build both without `{option}`: {reason}."),
            (None, _) if is_harmless(name, ours, theirs) => continue,
            (None, Some(value)) => {
                format!("Build the module with `{option}={value}` in `RUSTFLAGS`, as the host is.")
            }
            (None, None) => format!(
                "Build the module without `{option}`: take it out of `RUSTFLAGS` and of cargo's \
                 configuration, or build the host with it as well."
            ),
        };
        let shown = |value: Option<&str>| value.unwrap_or("not set").to_owned();
        found.add(format!("`{option}`"), shown(ours), shown(theirs), fix);
    }
}

/// Why neither side may have a flag, if that is so.
fn must_be_off(name: &str, host: Option<&str>, module: Option<&str>) -> Option<&'static str> {
    let has_cfi = |value: Option<&str>| sanitizers(value).contains("cfi");
    match name {
        "virtual-function-elimination" => Some("it removes methods that only the other side calls"),
        "sanitizer" if has_cfi(host) || has_cfi(module) => {
            Some("with `cfi` an image ends the process when it calls a function of another one")
        }
        _ => None,
    }
}

/// Whether the two may have these values.
fn is_harmless(name: &str, host: Option<&str>, module: Option<&str>) -> bool {
    if name != "sanitizer" {
        return host == module;
    }
    let (mut host, module) = (sanitizers(host), sanitizers(module));
    // Its runtime works with code that was compiled without it. std always is.
    if !module.contains("address") {
        host.remove("address");
    }
    host == module
}

fn sanitizers(value: Option<&str>) -> BTreeSet<&str> {
    value
        .into_iter()
        .flat_map(|value| value.split(','))
        .collect()
}
