//! How host and module were compiled.

use crate::manifest::Manifest;

use super::difference::{Differences, on_or_off};
use super::flags;

/// Compares the version of the binary interface, and what the two were built by.
pub(super) fn compare(host: &Manifest, module: &Manifest, found: &mut Differences) {
    if host.abi != module.abi {
        found.add(
            "ABI of tls-keys",
            host.abi.to_string(),
            module.abi.to_string(),
            "Build both with forks that the same version of cargo-tls-slots made.",
        );
    }
    let (host, module) = (&host.compiler, &module.compiler);
    let same_compiler = "Build both with the same compiler.";
    if host.rustc != module.rustc {
        found.add("compiler", &host.rustc, &module.rustc, same_compiler);
    } else if host.commit != module.commit {
        found.add(
            "commit of the compiler",
            &host.commit,
            &module.commit,
            same_compiler,
        );
    }
    if host.target != module.target {
        let fix = format!("Build the module for {}.", host.target);
        found.add("target", &host.target, &module.target, fix);
    }
    if host.panic != module.panic {
        let fix = format!(
            "Build the module with `panic = \"{}\"` in its profile, as the host is.",
            host.panic
        );
        found.add("panic strategy", &host.panic, &module.panic, fix);
    }
    if host.debug_assertions != module.debug_assertions {
        found.add(
            "debug assertions",
            on_or_off(host.debug_assertions),
            on_or_off(module.debug_assertions),
            "Build both with the same profile, or set `debug-assertions` alike in both profiles: \
             layouts depend on it.",
        );
    }
    if host.layout_probe != module.layout_probe {
        let order = |probe: u64| format!("order {probe:016x}");
        found.add(
            "order of fields",
            order(host.layout_probe),
            order(module.layout_probe),
            "Build both without `-Z randomize-layout`: the order depends on the compiler's ids of \
             crates, and they differ between host and module, also with one seed.",
        );
    }
    flags::compare(&host.flags, &module.flags, found);
}
