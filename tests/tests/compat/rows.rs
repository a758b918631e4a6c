//! The hosts and modules that are built in different ways, and what they come to.

use std::path::Path;

use cargo_tls_slots::check::{self, Verdict};

use crate::build::{
    ABI_2, BASE, Build, ELSEWHERE, OTHER_BYTES, OTHER_MIO, OTHER_RUSTC, OTHER_SMALLVEC,
    OTHER_SOCKET2, RANDOM, RELEASE, Skipped, TOKIO_1_53, built, config, features, last, own_config,
    place, rustflags,
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
#[derive(Clone, Copy)]
pub(crate) enum Expected {
    /// The module works.
    Fits,
    /// It is refused for these differences, no more and no fewer. `…` at the end stands for
    /// anything.
    Differs(&'static [&'static str]),
    /// It is of another version of the interface; the system cannot open it.
    OtherAbi,
}
pub(crate) use Expected::{Differs, Fits, OtherAbi};

pub(crate) const fn module(what: &'static str, module: Build, expected: Expected) -> Row {
    let host = BASE;
    Row {
        what,
        host,
        module,
        expected,
    }
}

pub(crate) const fn host(what: &'static str, host: Build, expected: Expected) -> Row {
    let module = BASE;
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
            features(concat!("tokio/", $feature)),
            Differs(&[concat!("tokio: feature `", $feature, "`")]),
        )
    };
}

/// A feature of tokio that only the host has.
macro_rules! host_has {
    ($feature:literal) => {
        host(
            concat!("feature `", $feature, "` in the host only"),
            features(concat!("tokio/", $feature)),
            Differs(&[concat!("tokio: feature `", $feature, "`")]),
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
    module("feature `test-util`, which turns on `sync`, in the module only", features("tokio/test-util"),
        Differs(&["tokio: feature `sync`", "tokio: feature `test-util`"])),
    host("feature `test-util`, which turns on `sync`, in the host only", features("tokio/test-util"),
        Differs(&["tokio: feature `sync`", "tokio: feature `test-util`"])),
    both("feature `test-util` in the module, `sync` in both", features("tokio/sync"), features("tokio/test-util"),
        Differs(&["tokio: feature `test-util`"])),
    module("tokio 1.53.3", place(TOKIO_1_53), Differs(&["tokio: version"])),
    host("tokio 1.53.3 for the host", place(TOKIO_1_53), Differs(&["tokio: version"])),
    module("`RUSTFLAGS=\"--cfg tokio_unstable\"`", rustflags("--cfg tokio_unstable"),
        Differs(&["tokio: cfg `tokio_unstable`"])),
    host("`RUSTFLAGS=\"--cfg tokio_unstable\"` for the host", rustflags("--cfg tokio_unstable"),
        Differs(&["tokio: cfg `tokio_unstable`"])),
    module("a release module for a dev host", RELEASE, Differs(&["debug assertions"])),
    host("a dev module for a release host", RELEASE, Differs(&["debug assertions"])),
    module("`RUSTFLAGS=\"-C debug-assertions=off\"` for a dev module", rustflags("-Cdebug-assertions=off"),
        Differs(&["debug assertions"])),
    both("`RUSTFLAGS=\"-C debug-assertions=on\"` for a release module", RELEASE,
        Build { rustflags: "-Cdebug-assertions=on", ..RELEASE }, Differs(&["debug assertions"])),
    module("`profile.dev.package.mio.debug-assertions = false`",
        config(&["profile.dev.package.mio.debug-assertions=false"]), Differs(&["layout of tokio::net…", "layout of mio…"])),
    module("`profile.dev.package.tokio.debug-assertions = false`",
        config(&["profile.dev.package.tokio.debug-assertions=false"]), Differs(&["tokio: cfg `debug_assertions`"])),
    module("`profile.dev.package.\"*\".debug-assertions = false`",
        config(&["profile.dev.package.\"*\".debug-assertions=false"]), Differs(&["debug assertions"])),
    module("mio 1.2.1", place(OTHER_MIO), Differs(&["tokio: dependency mio"])),
    host("mio 1.2.1 for the host", place(OTHER_MIO), Differs(&["tokio: dependency mio"])),
    module("socket2 0.6.4", place(OTHER_SOCKET2), Differs(&["tokio: dependency socket2"])),
    both("bytes 1.11.1, with `io-util` on both sides", features("tokio/io-util"),
        Build { features: "tokio/io-util", ..place(OTHER_BYTES) }, Differs(&["tokio: dependency bytes"])),
    module("`panic = \"abort\"`", config(&["profile.dev.panic=\"abort\""]), Differs(&["panic strategy"])),
    host("`panic = \"abort\"` for the host", config(&["profile.dev.panic=\"abort\""]), Differs(&["panic strategy"])),
    module("`-Z randomize-layout`", RANDOM, Differs(&["order of fields"])),
    module("a key of another size", features("wide"), Differs(&["thread-local keys_iface::WIDTH"])),
    module("another version of the interface", place(ABI_2), OtherAbi),
    module("another rustc, profile and feature at once", Build { features: "tokio/sync", release: true, ..OTHER_RUSTC },
        Differs(&["compiler", "debug assertions", "tokio: feature `sync`"])),
];

#[rustfmt::skip]
pub(crate) const HARMLESS: &[Row] = &[
    module("nothing", BASE, Fits),
    module("`opt-level = 2`", config(&["profile.dev.opt-level=2"]), Fits),
    module("`opt-level = 3`", config(&["profile.dev.opt-level=3"]), Fits),
    module("`opt-level = \"s\"`", config(&["profile.dev.opt-level=\"s\""]), Fits),
    host("`opt-level = 3` for the host", config(&["profile.dev.opt-level=3"]), Fits),
    module("`lto = \"fat\"`", config(&["profile.dev.lto=\"fat\""]), Fits),
    module("`lto = \"thin\"`", config(&["profile.dev.lto=\"thin\""]), Fits),
    // Without optimisation no dependency has another code for it.
    module("`lto = \"off\"`", last(&["-Clto=off"]), Fits),
    both("in release, `opt-level = 3`, fat LTO, `strip` and one codegen unit", RELEASE,
        Build {
            config: &["profile.release.opt-level=3", "profile.release.lto=\"fat\"", "profile.release.strip=true",
                "profile.release.codegen-units=1"],
            ..RELEASE
        }, Fits),
    // The linker strips, so the setting of any other package is without effect.
    module("`strip = true`", own_config(&["profile.dev.package.compat-module.strip=true"]), Fits),
    host("`strip = true` for the host", own_config(&["profile.dev.package.compat-host.strip=true"]), Fits),
    module("`codegen-units = 1`", config(&["profile.dev.codegen-units=1"]), Fits),
    module("`codegen-units = 16`", config(&["profile.dev.codegen-units=16"]), Fits),
    module("`debug = 2`", config(&["profile.dev.debug=2", "profile.dev.package.\"*\".debug=2"]), Fits),
    module("`overflow-checks = false`", config(&["profile.dev.overflow-checks=false"]), Fits),
    module("`-C target-cpu=native`", rustflags("-Ctarget-cpu=native"), Fits),
    module("`incremental = true`", Build { env: &[("CARGO_INCREMENTAL", "1")], ..BASE }, Fits),
    module("a `--cfg` that no crate asks for", rustflags("--cfg nobody_asks"), Fits),
    module("debug assertions of the module's own crate only",
        own_config(&["profile.dev.package.compat-module.debug-assertions=false"]), Fits),
    module("unrelated dependencies", features("unrelated"), Fits),
    module("unrelated dependencies in other versions", Build { features: "unrelated", ..place(OTHER_SMALLVEC) }, Fits),
    module("bytes 1.11.1, which nothing uses without `io-util`", place(OTHER_BYTES), Fits),
    both("feature `full` for the host, all that it turns on for the module", features("tokio/full"),
        features("tokio/fs tokio/io-util tokio/io-std tokio/macros tokio/net tokio/parking_lot tokio/process \
                  tokio/rt tokio/rt-multi-thread tokio/signal tokio/sync tokio/time"), Fits),
    // Features that only add items, with `rt` on both sides. The first release refused them all.
    module("feature `macros` in the module only", features("tokio/macros"), Fits),
    host("feature `macros` in the host only", features("tokio/macros"), Fits),
    module("feature `fs` in the module only", features("tokio/fs"), Fits),
    host("feature `fs` in the host only", features("tokio/fs"), Fits),
    module("feature `io-std` in the module only", features("tokio/io-std"), Fits),
    host("feature `io-std` in the host only", features("tokio/io-std"), Fits),
    // With `external-tls` it is left unused.
    module("feature `parking_lot` in the module only", features("tokio/parking_lot"), Fits),
    host("feature `parking_lot` in the host only", features("tokio/parking_lot"), Fits),
    both("features `fs` and `macros` in the host, `io-std` in the module", features("tokio/fs tokio/macros"),
        features("tokio/io-std"), Fits),
    module("another target folder", Build { apart: Some("compat-too"), ..BASE }, Fits),
    module("another machine's paths", place(ELSEWHERE), Fits),
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
        // A panic of such a module is the end of the process, so it is only opened.
        let aborts = self
            .module
            .config
            .iter()
            .any(|config| config.contains("abort"));
        let past = Told::new(host, if aborts { "open" } else { "raw" }, module)?;
        match (self.expected, verdict) {
            (Fits, Verdict::Fits) => {
                load.expect("LOAD", "ok")?;
                load.expect_works()?;
                past.expect("IMAGE", "fits")?;
                past.expect_works()
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
                past.expect("OPEN", "ok")?;
                for one in &mismatch.differences {
                    past.expect_text("IMAGE", &one.what)?;
                    past.expect_text("IMAGE", &one.host)?;
                    past.expect_text("IMAGE", &one.module)?;
                }
                match aborts {
                    true => past.expect("STATE", "untouched"),
                    false => past.expect_refused(found[0]),
                }
            }
            _ => Err(unlike()),
        }
    }
}
