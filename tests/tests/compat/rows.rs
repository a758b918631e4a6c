//! The hosts and modules that are built in different ways, and what they come to.

use std::path::Path;

use cargo_tls_slots::check::{self, Verdict};

use crate::build::{
    ABI_2, ADDRESS, BASE, BY_ATTRIBUTE, BY_MACRO, Build, COMMENT_ABOVE, COMMENT_INSIDE, ELSEWHERE,
    INCLUDED, LOCK_ORDER, NAMED_TARGET, OTHER_BODY, OTHER_BYTES, OTHER_FORMAT, OTHER_KEY,
    OTHER_KIND, OTHER_MIO, OTHER_OWN_VERSION, OTHER_RELEASES, OTHER_RUSTC, OTHER_SMALLVEC,
    OTHER_SOCKET2, OTHER_STATIC, OTHER_TYPE, RELEASE, SOFT_FLOAT, Skipped, TOKIO, TOKIO_1_53,
    UNIT_TEST, VENDORED, built, config, env, features, last, own_config, place, rustflags, tokio,
    unstable,
};
use crate::told::{Told, expect_not_opened};

/// A host and a module.
pub(crate) struct Row {
    /// What is peculiar about it.
    pub(crate) what: &'static str,
    pub(crate) host: Build,
    pub(crate) module: Build,
    pub(crate) expected: Expected,
}

/// What all three ways have to come to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Expected {
    /// The module works.
    Fits,
    /// It is refused for these differences, no more and no fewer. `…` at the end stands for
    /// anything.
    Differs(&'static [&'static str]),
    /// It links the host's half.
    HostHalf,
    /// It is of another version of the interface; the system cannot open it.
    OtherAbi,
}
pub(crate) use Expected::{Differs, Fits, HostHalf, OtherAbi};

/// What the other side of a row is, without tokio and with it.
const BASE_OF: [Build; 2] = [BASE, TOKIO];

pub(crate) const fn module(what: &'static str, module: Build, expected: Expected) -> Row {
    let host = BASE_OF[module.tokio as usize];
    Row {
        what,
        host,
        module,
        expected,
    }
}

pub(crate) const fn host(what: &'static str, host: Build, expected: Expected) -> Row {
    let module = BASE_OF[host.tokio as usize];
    Row {
        what,
        host,
        module,
        expected,
    }
}

pub(crate) const fn both(
    what: &'static str,
    host: Build,
    module: Build,
    expected: Expected,
) -> Row {
    Row {
        what,
        host,
        module,
        expected,
    }
}

/// A feature of tokio that only the module has.
macro_rules! module_has {
    ($feature:literal) => {
        module(
            concat!("feature `", $feature, "` in the module only"),
            tokio(concat!("tokio/", $feature)),
            Differs(&[concat!("tokio: feature `", $feature, "`")]),
        )
    };
}

/// A feature of tokio that only the host has.
macro_rules! host_has {
    ($feature:literal) => {
        host(
            concat!("feature `", $feature, "` in the host only"),
            tokio(concat!("tokio/", $feature)),
            Differs(&[concat!("tokio: feature `", $feature, "`")]),
        )
    };
}

/// rustc refuses to link what it brings, which was compiled without it, unless it is told.
const RETPOLINE: &str = "-Zretpoline -Cunsafe-allow-abi-mismatch=retpoline";
/// A crate that the module has in another release. The host shares all of them.
macro_rules! other_release {
    ($crate_name:literal, $version:literal) => {
        both(
            concat!($crate_name, " ", $version),
            features("crates"),
            place(OTHER_RELEASES).and_features($crate_name),
            Differs(&[concat!($crate_name, ": version")]),
        )
    };
}

/// A crate that the host, which shares all of them, has in another release.
macro_rules! other_release_of_host {
    ($crate_name:literal, $version:literal) => {
        both(
            concat!($crate_name, " ", $version, " for the host"),
            place(OTHER_RELEASES).and_features("crates"),
            features($crate_name),
            Differs(&[concat!($crate_name, ": version")]),
        )
    };
}

#[rustfmt::skip]
pub(crate) const MISMATCHES: &[Row] = &[
    module("another rustc", OTHER_RUSTC, Differs(&["compiler"])),
    host("another rustc for the host", OTHER_RUSTC, Differs(&["compiler"])),
    module_has!("io-util"), host_has!("io-util"),
    module_has!("process"), host_has!("process"),
    module_has!("rt-multi-thread"), host_has!("rt-multi-thread"),
    module_has!("signal"), host_has!("signal"),
    module_has!("sync"), host_has!("sync"),
    module("feature `test-util`, which turns on `sync`, in the module only", tokio("tokio/test-util"),
        Differs(&["tokio: feature `sync`", "tokio: feature `test-util`"])),
    host("feature `test-util`, which turns on `sync`, in the host only", tokio("tokio/test-util"),
        Differs(&["tokio: feature `sync`", "tokio: feature `test-util`"])),
    both("feature `test-util` in the module, `sync` in both", tokio("tokio/sync"), tokio("tokio/test-util"),
        Differs(&["tokio: feature `test-util`"])),
    module("tokio 1.53.3", place(TOKIO_1_53).and_tokio(), Differs(&["tokio: version"])),
    host("tokio 1.53.3 for the host", place(TOKIO_1_53).and_tokio(), Differs(&["tokio: version"])),
    module("`RUSTFLAGS=\"--cfg tokio_unstable\"`", rustflags("--cfg tokio_unstable").and_tokio(),
        Differs(&["tokio: cfg `tokio_unstable`"])),
    host("`RUSTFLAGS=\"--cfg tokio_unstable\"` for the host", rustflags("--cfg tokio_unstable").and_tokio(),
        Differs(&["tokio: cfg `tokio_unstable`"])),
    module("a release module for a dev host", RELEASE, Differs(&["debug assertions"])),
    host("a dev module for a release host", RELEASE, Differs(&["debug assertions"])),
    module("`RUSTFLAGS=\"-C debug-assertions=off\"` for a dev module", rustflags("-Cdebug-assertions=off"),
        Differs(&["debug assertions"])),
    host("`RUSTFLAGS=\"-C debug-assertions=off\"` for a dev host", rustflags("-Cdebug-assertions=off"),
        Differs(&["debug assertions"])),
    module("`profile.dev.debug-assertions = false`", config(&["profile.dev.debug-assertions=false"]),
        Differs(&["debug assertions"])),
    both("`profile.release.debug-assertions = true` for a release host",
        Build { config: &["profile.release.debug-assertions=true"], ..RELEASE }, RELEASE, Differs(&["debug assertions"])),
    both("`RUSTFLAGS=\"-C debug-assertions=on\"` for a release module", RELEASE,
        Build { rustflags: "-Cdebug-assertions=on", ..RELEASE }, Differs(&["debug assertions"])),
    module("`profile.dev.package.mio.debug-assertions = false`",
        own_config(&["profile.dev.package.mio.debug-assertions=false"]).and_tokio(), Differs(&["layout of tokio::net…", "layout of mio…"])),
    host("`profile.dev.package.mio.debug-assertions = false` for the host",
        own_config(&["profile.dev.package.mio.debug-assertions=false"]).and_tokio(), Differs(&["layout of tokio::net…", "layout of mio…"])),
    host("`profile.dev.package.tokio.debug-assertions = false` for the host",
        own_config(&["profile.dev.package.tokio.debug-assertions=false"]).and_tokio(), Differs(&["tokio: cfg `debug_assertions`"])),
    module("`profile.dev.package.tokio.debug-assertions = false`",
        own_config(&["profile.dev.package.tokio.debug-assertions=false"]).and_tokio(), Differs(&["tokio: cfg `debug_assertions`"])),
    module("`profile.dev.package.\"*\".debug-assertions = false`",
        config(&["profile.dev.package.\"*\".debug-assertions=false"]).and_tokio(), Differs(&["debug assertions"])),
    module("mio 1.2.1", place(OTHER_MIO).and_tokio(), Differs(&["tokio: dependency mio"])),
    host("mio 1.2.1 for the host", place(OTHER_MIO).and_tokio(), Differs(&["tokio: dependency mio"])),
    module("socket2 0.6.4", place(OTHER_SOCKET2).and_tokio(), Differs(&["tokio: dependency socket2"])),
    both("bytes 1.11.1, with `io-util` on both sides", tokio("tokio/io-util"),
        place(OTHER_BYTES).and_tokio().and_features("tokio/io-util"), Differs(&["tokio: dependency bytes"])),
    module("`panic = \"abort\"`", config(&["profile.dev.panic=\"abort\""]), Differs(&["panic strategy"])),
    host("`panic = \"abort\"` for the host", config(&["profile.dev.panic=\"abort\""]), Differs(&["panic strategy"])),
    module("`-Z randomize-layout`", unstable("-Zrandomize-layout"), Differs(&["order of fields"])),
    module("`-Z sanitizer=address`", ADDRESS, Differs(&["`-Z sanitizer`"])),
    module("`-Z retpoline`", unstable(RETPOLINE), Differs(&["`-Z retpoline`"])),
    host("`-Z retpoline` for the host", unstable(RETPOLINE), Differs(&["`-Z retpoline`"])),
    module("`-C target-feature=+soft-float`", SOFT_FLOAT, Differs(&["`-C target-feature`"])),
    host("`-Z randomize-layout` for the host", unstable("-Zrandomize-layout"), Differs(&["order of fields"])),
    both("`-Z randomize-layout`, with another seed for each", unstable("-Zrandomize-layout -Zlayout-seed=1"),
        unstable("-Zrandomize-layout -Zlayout-seed=2"), Differs(&["order of fields"])),
    // rustc mixes the id of each crate into the seed, and the two have other ids.
    both("`-Z randomize-layout`, with one seed for both", unstable("-Zrandomize-layout -Zlayout-seed=1"),
        unstable("-Zrandomize-layout -Zlayout-seed=1"), Differs(&["order of fields"])),
    module("a feature of a shared crate that changes a key's size", features("wide"), Differs(&["keys-iface: feature `wide`"])),
    host("a feature of a shared crate that changes a key's size, in the host", features("wide"),
        Differs(&["keys-iface: feature `wide`"])),
    module("another type in a shared crate of the same version", place(OTHER_TYPE), Differs(&["keys-iface: sources"])),
    host("another type in a shared crate of the same version, in the host", place(OTHER_TYPE), Differs(&["keys-iface: sources"])),
    module("another function's body in a shared crate", place(OTHER_BODY), Differs(&["keys-iface: sources"])),
    module("another file of a shared crate that `cfg_attr(…, path)` names", place(BY_ATTRIBUTE), Differs(&["keys-iface: sources"])),
    module("another file of a shared crate that a macro names", place(BY_MACRO), Differs(&["keys-iface: sources"])),
    module("another file that a shared crate includes", place(INCLUDED), Differs(&["keys-iface: sources"])),
    module("another key in a shared crate", place(OTHER_KEY), Differs(&["keys-iface: sources"])),
    host("another key in a shared crate, in the host", place(OTHER_KEY), Differs(&["keys-iface: sources"])),
    module("a thread-local that became a static, in a shared crate", place(OTHER_KIND), Differs(&["keys-iface: sources"])),
    module("a static of another type in a shared crate", place(OTHER_STATIC), Differs(&["keys-iface: sources"])),
    module("another version of a shared crate", place(OTHER_OWN_VERSION), Differs(&["keys-iface: version"])),
    host("another version of a shared crate, in the host", place(OTHER_OWN_VERSION), Differs(&["keys-iface: version"])),
    module("`tls-slots` among the module's dependencies", features("host_half"), HostHalf),
    other_release!("arc-swap", "1.9.2"),
    other_release!("crossbeam-epoch", "0.9.20"),
    other_release!("log", "0.4.34"),
    other_release!("parking_lot_core", "0.9.11"),
    other_release!("sharded-slab", "0.1.6"),
    other_release!("signal-hook-registry", "1.4.7"),
    other_release!("thread_local", "1.1.9"),
    other_release!("tracing-core", "0.1.35"),
    other_release_of_host!("arc-swap", "1.9.2"),
    other_release_of_host!("log", "0.4.34"),
    other_release_of_host!("parking_lot_core", "0.9.11"),
    other_release_of_host!("tracing-core", "0.1.35"),
    both("each of these crates in another release for the host", place(OTHER_RELEASES).and_features("crates"), features("crates"),
        Differs(&["arc-swap: version", "crossbeam-epoch: version", "log: version", "parking_lot_core: version",
            "sharded-slab: version", "signal-hook-registry: version", "thread_local: version", "tracing-core: version"])),
    both("feature `kv` of log in the module only", features("crates"), features("log log/kv"),
        Differs(&["log: feature `kv`"])),
    both("feature `kv` of log in the host only", features("log log/kv"), features("log"),
        Differs(&["log: feature `kv`"])),
    both("feature `std` of tracing-core in the module only", features("crates"), features("tracing_std"),
        Differs(&["tracing-core: feature `std`"])),
    both("feature `std` of tracing-core in the host only", features("tracing_std"), features("tracing-core"),
        Differs(&["tracing-core: feature `std`"])),
    both("`RUSTFLAGS=\"--cfg tracing_unstable\"`", features("crates"),
        rustflags("--cfg tracing_unstable").and_features("tracing-core"),
        Differs(&["tracing-core: cfg `tracing_unstable`"])),
    both("`RUSTFLAGS=\"--cfg crossbeam_sanitize\"`", features("crates"),
        rustflags("--cfg crossbeam_sanitize").and_features("crossbeam-epoch"),
        Differs(&["crossbeam-epoch: cfg `crossbeam_sanitize`", "crossbeam-utils: cfg `crossbeam_sanitize`"])),
    module("another version of the interface", place(ABI_2), OtherAbi),
    module("another rustc, profile and feature at once",
        Build { release: true, ..OTHER_RUSTC }.and_tokio().and_features("tokio/sync"),
        Differs(&["compiler", "debug assertions", "tokio: feature `sync`"])),
];

#[rustfmt::skip]
pub(crate) const HARMLESS: &[Row] = &[
    module("nothing", BASE, Fits),
    module("nothing, and both share tokio", TOKIO, Fits),
    module("`opt-level = 2`", config(&["profile.dev.opt-level=2"]), Fits),
    module("`opt-level = 3`", config(&["profile.dev.opt-level=3"]), Fits),
    module("`opt-level = \"s\"`", config(&["profile.dev.opt-level=\"s\""]), Fits),
    host("`opt-level = 3` for the host", config(&["profile.dev.opt-level=3"]), Fits),
    module("`lto = \"fat\"`", config(&["profile.dev.lto=\"fat\""]), Fits),
    module("`lto = \"thin\"`", config(&["profile.dev.lto=\"thin\""]), Fits),
    // Without optimisation no dependency has another code for it.
    module("`lto = \"off\"`", last(&["-Clto=off"]), Fits),
    both("in release with tokio, `opt-level = 3`, fat LTO, `strip` and one codegen unit", RELEASE.and_tokio(),
        Build {
            config: &["profile.release.opt-level=3", "profile.release.lto=\"fat\"", "profile.release.strip=true",
                "profile.release.codegen-units=1"],
            ..RELEASE
        }.and_tokio(), Fits),
    // The linker strips, so the setting of any other package is without effect.
    module("`strip = true`", own_config(&["profile.dev.package.compat-module.strip=true"]), Fits),
    host("`strip = true` for the host", own_config(&["profile.dev.package.compat-host.strip=true"]), Fits),
    module("`codegen-units = 1`", config(&["profile.dev.codegen-units=1"]), Fits),
    module("`codegen-units = 16`", config(&["profile.dev.codegen-units=16"]), Fits),
    module("`debug = 2`", config(&["profile.dev.debug=2", "profile.dev.package.\"*\".debug=2"]), Fits),
    module("`overflow-checks = false`", config(&["profile.dev.overflow-checks=false"]), Fits),
    module("`-C target-cpu=native`", rustflags("-Ctarget-cpu=native"), Fits),
    module("`-C target-feature=+sse4.2,-soft-float`", rustflags("-Ctarget-feature=+sse4.2,-soft-float"), Fits),
    module("`-Z ub-checks=no`", unstable("-Zub-checks=no"), Fits),
    module("`-Z retpoline=no`, which is the default", unstable("-Zretpoline=no"), Fits),
    both("`-Z retpoline` on both sides", unstable(RETPOLINE), unstable(RETPOLINE), Fits),
    host("`-Z sanitizer=address` for the host", ADDRESS, Fits),
    both("`-Z sanitizer=address` on both sides", ADDRESS, ADDRESS, Fits),
    module("`incremental = true`", env(&[("CARGO_INCREMENTAL", "1")]), Fits),
    module("a `--cfg` that no crate asks for", rustflags("--cfg nobody_asks"), Fits),
    module("debug assertions of the module's own crate only",
        own_config(&["profile.dev.package.compat-module.debug-assertions=false"]), Fits),
    module("unrelated dependencies", features("unrelated"), Fits),
    module("unrelated dependencies in other versions", place(OTHER_SMALLVEC).and_features("unrelated"), Fits),
    module("bytes 1.11.1, which nothing uses without `io-util`", place(OTHER_BYTES).and_tokio(), Fits),
    both("feature `full` for the host, all that it turns on for the module", tokio("tokio/full"),
        tokio("tokio/fs tokio/io-util tokio/io-std tokio/macros tokio/net tokio/parking_lot tokio/process \
                  tokio/rt tokio/rt-multi-thread tokio/signal tokio/sync tokio/time"), Fits),
    both("tokio in the host only", TOKIO, BASE, Fits),
    both("crates with state in the host only", features("crates"), BASE, Fits),
    module("a crate with state in the module only", features("log"), Fits),
    both("all of the crates on both sides", features("crates"), features("crates"), Fits),
    both("feature `max_level_info` of log, by which calls are left out", features("crates"),
        features("log log/max_level_info"), Fits),
    both("feature `std` of log in the module only", features("crates"), features("log log/std"), Fits),
    both("feature `alloc` of log in the host only", features("crates log/alloc"), features("log"), Fits),
    both("feature `std` of foldhash", features("crates"), features("foldhash foldhash/std"), Fits),
    both("both in release", RELEASE, RELEASE, Fits),
    module("a release module with `debug-assertions = true` for a dev host",
        Build { config: &["profile.release.debug-assertions=true"], ..RELEASE }, Fits),
    both("`panic = \"abort\"` on both sides", config(&["profile.dev.panic=\"abort\""]),
        config(&["profile.dev.panic=\"abort\""]), Fits),
    module("`opt-level = 1` for the crate of the keys", own_config(&["profile.dev.package.keys-iface.opt-level=1"]), Fits),
    module("`debug = \"line-tables-only\"`, `split-debuginfo = \"unpacked\"`",
        own_config(&["profile.dev.debug=\"line-tables-only\"", "profile.dev.split-debuginfo=\"unpacked\""]), Fits),
    host("`lto = \"fat\"` for the host", config(&["profile.dev.lto=\"fat\""]), Fits),
    host("`overflow-checks = false` for the host's own crate",
        own_config(&["profile.dev.package.compat-host.overflow-checks=false"]), Fits),
    host("`incremental = true` for the host", env(&[("CARGO_INCREMENTAL", "1")]), Fits),
    module("`RUSTC_WRAPPER`", env(&[("RUSTC_WRAPPER", "env")]), Fits),
    module("`--target`, named", NAMED_TARGET, Fits),
    host("`--target`, named, for the host", NAMED_TARGET, Fits),
    module("`-C force-frame-pointers`", rustflags("-Cforce-frame-pointers=yes"), Fits),
    module("`-C symbol-mangling-version=v0`", rustflags("-Csymbol-mangling-version=v0"), Fits),
    module("`-C metadata`", rustflags("-Cmetadata=another"), Fits),
    module("`-C link-dead-code`", rustflags("-Clink-dead-code"), Fits),
    module("`-C relocation-model=pic`", rustflags("-Crelocation-model=pic"), Fits),
    module("`-Z share-generics`", unstable("-Zshare-generics=yes"), Fits),
    host("an executable at a fixed address", last(&["-Crelocation-model=static"]), Fits),
    module("`--hash-style=sysv` of the linker", last(&["-Clink-arg=-Wl,--hash-style=sysv"]), Fits),
    module("`-z pack-relative-relocs` of the linker", last(&["-Clink-arg=-Wl,-z,pack-relative-relocs"]), Fits),
    // Features that only add items, with `rt` on both sides. The first release refused them all.
    both("feature `macros` in the module only", TOKIO, tokio("tokio/macros"), Fits),
    both("feature `macros` in the host only", tokio("tokio/macros"), TOKIO, Fits),
    both("feature `fs` in the module only", TOKIO, tokio("tokio/fs"), Fits),
    both("feature `fs` in the host only", tokio("tokio/fs"), TOKIO, Fits),
    both("feature `io-std` in the module only", TOKIO, tokio("tokio/io-std"), Fits),
    both("feature `io-std` in the host only", tokio("tokio/io-std"), TOKIO, Fits),
    both("features `fs` and `macros` in the host, `io-std` in the module", tokio("tokio/fs tokio/macros"),
        tokio("tokio/io-std"), Fits),
    // With `external-tls` it is left unused.
    both("feature `parking_lot` in the module only", TOKIO, tokio("tokio/parking_lot"), Fits),
    both("feature `parking_lot` in the host only", tokio("tokio/parking_lot"), TOKIO, Fits),
    module("another target folder", Build { apart: Some("compat-too"), ..BASE }, Fits),
    module("another machine's paths", place(ELSEWHERE), Fits),
    module("another order of packages in Cargo.lock", place(LOCK_ORDER).and_tokio(), Fits),
    module("mio vendored: the same sources in a folder of the project", place(VENDORED).and_tokio(), Fits),
    host("mio vendored, for the host", place(VENDORED).and_tokio(), Fits),
    module("a comment above a key of a shared crate", place(COMMENT_ABOVE), Fits),
    module("a comment inside a function of a shared crate", place(COMMENT_INSIDE), Fits),
    module("a shared crate in another format", place(OTHER_FORMAT), Fits),
    module("a unit test more in a shared crate", place(UNIT_TEST), Fits),
    module("`--remap-path-prefix`", rustflags("--remap-path-prefix=/=/nowhere/"), Fits),
    module("linked by GNU ld", last(&["-Clink-arg=-fuse-ld=bfd"]), Fits),
    module("linked by gold", last(&["-Clink-arg=-fuse-ld=gold"]), Fits),
    module("linked by mold", last(&["-Clink-arg=-fuse-ld=mold"]), Fits),
    host("linked by GNU ld, the host", last(&["-Clink-arg=-fuse-ld=bfd"]), Fits),
];

impl Row {
    /// In a word: what it comes to.
    pub(crate) fn result(&self) -> String {
        match self.expected {
            Fits => "fits".to_owned(),
            HostHalf => "refused: tls-slots".to_owned(),
            OtherAbi => "refused: another version of the interface".to_owned(),
            Differs(what) => format!("refused: {}", what.join(", ")),
        }
    }

    pub(crate) fn run(&self) -> Result<Result<(), String>, Skipped> {
        let host = built("compat_host", &self.host)?;
        let module = built("compat_module", &self.module)?;
        Ok(self.compare(&host, &module))
    }

    pub(crate) fn compare(&self, host: &Path, module: &Path) -> Result<(), String> {
        let report = check::check(host, &[module]).map_err(|error| error.to_string())?;
        let verdict = &report.modules[0].verdict;
        let unlike = || format!("check came to something else:\n{}", report.render());
        let load = Told::new(host, "load", module)?;
        // A panic of such a module is the end of the process, and code without floating-point
        // registers does not work beside std. So they are only opened.
        let has_panic_abort = |config: &&str| config.contains("abort");
        let is_only_opened = self.expected != Fits
            && self.module.config.iter().any(has_panic_abort)
            || self.module.rustflags == SOFT_FLOAT.rustflags;
        let past = Told::new(host, if is_only_opened { "open" } else { "raw" }, module)?;
        match (self.expected, verdict) {
            (Fits, Verdict::Fits) => {
                load.expect("LOAD", "ok")?;
                load.expect_works()?;
                past.expect("IMAGE", "fits")?;
                past.expect_works()
            }
            (HostHalf, Verdict::Host) => {
                load.expect("LOAD", "ContainsHost")?;
                load.expect("STATE", "untouched")?;
                let half = tls_slots_manifest::HostHalf::REGISTERS.to_string();
                let reason = verdict.reason().unwrap_or_default();
                if reason != format!("it {half}") {
                    return Err(unlike());
                }
                load.expect_text("SAYS", &half)?;
                past.expect("OPEN", "ok")?;
                past.expect_refused(&half)
            }
            (OtherAbi, Verdict::OtherAbi(_)) => {
                load.expect("LOAD", "Abi")?;
                load.expect("STATE", "untouched")?;
                expect_not_opened(&past)
            }
            (Differs(expected), Verdict::Differs(mismatch)) => {
                let found: Vec<&str> = mismatch
                    .differences
                    .iter()
                    .map(|one| one.what.as_str())
                    .collect();
                let is = |found: &str, expected: &str| match expected.strip_suffix('…') {
                    Some(start) => found.starts_with(start),
                    None => found == expected,
                };
                let all_expected = found
                    .iter()
                    .all(|one| expected.iter().any(|it| is(one, it)));
                let all_found = expected
                    .iter()
                    .all(|it| found.iter().any(|one| is(one, it)));
                if !(all_expected && all_found) {
                    return Err(unlike());
                }
                load.expect("LOAD", "Mismatch")?;
                load.expect("STATE", "untouched")?;
                for line in mismatch.to_string().lines() {
                    load.expect_text("SAYS", line)?;
                }
                // The host lacks the functions that its code calls.
                if self.module.rustflags == ADDRESS.rustflags {
                    return expect_not_opened(&past);
                }
                past.expect("OPEN", "ok")?;
                for line in mismatch.to_string().lines() {
                    past.expect_text("IMAGE", line)?;
                }
                match is_only_opened {
                    true => past.expect("STATE", "untouched"),
                    false => past.expect_refused(found[0]),
                }
            }
            _ => Err(unlike()),
        }
    }
}
