//! Every field: what is said where it differs, or that nothing is.

use crate::allowed::Allowed;
use crate::description::Description;
use crate::manifest::{
    Cfg, Compiler, Crate, Dependency, Feature, Flag, Key, KeyKind, Manifest, Type,
};
use crate::private_state::PrivateState;

use super::compare;
use super::crates::compatible;
use super::mismatch::Mismatch;

/// Compares what is known of two manifests alone, with nothing allowed.
fn compared(host: &Manifest, module: &Manifest) -> Result<(), Mismatch> {
    let [host, module] = [host, module].map(|one| Description::from(one.clone()));
    compare(&host, &module, &Allowed::default())
}

pub(super) fn host() -> Manifest {
    let feature = |name: &str, enabled, group| Feature {
        name: name.to_owned(),
        enabled,
        group,
    };
    let cfg = |name: &str, enabled| Cfg {
        name: name.to_owned(),
        enabled,
    };
    let dependency = |name: &str, version: &str, enabled| Dependency {
        name: name.to_owned(),
        version: version.to_owned(),
        enabled,
    };
    Manifest {
        abi: 1,
        compiler: Compiler {
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            commit: "59807616e1fa2540724bfbac14d7976d7e4a3860".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            panic: "unwind".to_owned(),
            debug_assertions: true,
            layout_probe: 1,
            asked_for: "sse2".to_owned(),
            flags: Vec::new(),
        },
        crates: vec![Crate {
            name: "tokio".to_owned(),
            version: "1.54.1".to_owned(),
            checksum: "b52f".to_owned(),
            source: "6861".to_owned(),
            features: vec![
                feature("full", true, true),
                feature("net", true, false),
                feature("test-util", false, false),
            ],
            cfgs: vec![cfg("debug_assertions", true), cfg("tokio_unstable", false)],
            dependencies: vec![
                dependency("mio", "1.2.4", true),
                dependency("slab", "0.4.12", false),
                dependency("tracing", "", true),
            ],
            types: vec![Type {
                name: "mio::net::TcpStream".to_owned(),
                size: 40,
                align: 8,
                fields: 7,
            }],
            lib: "tokio".to_owned(),
        }],
        keys: vec![key("tokio", "1.54.1", "CONTEXT"), own("0.1.0", "OWN")],
        allocator: None,
    }
}

fn key(package: &str, version: &str, name: &str) -> Key {
    Key {
        kind: KeyKind::ThreadLocal,
        package: package.to_owned(),
        version: version.to_owned(),
        path: format!("{package}::runtime"),
        name: name.to_owned(),
        file: "/there/src/lib.rs".to_owned(),
        line: 1,
        column: 2,
        type_text: "Context".to_owned(),
        size: 64,
        align: 8,
        sources: String::new(),
        cfgs: Vec::new(),
    }
}

/// A key of a crate that is no fork.
pub(super) fn own(version: &str, name: &str) -> Key {
    Key {
        sources: "c0ffee".to_owned(),
        cfgs: vec!["feature=\"wide\"".to_owned()],
        ..key("app", version, name)
    }
}

fn change(change: impl FnOnce(&mut Manifest)) -> Result<(), Mismatch> {
    let mut module = host();
    change(&mut module);
    compared(&host(), &module)
}

/// The whole message, for a module that differs in this.
#[track_caller]
fn refused(edit: impl FnOnce(&mut Manifest), message: &str) {
    let mismatch = change(edit).expect_err("it differs");
    assert_eq!(mismatch.to_string(), message);
}

/// Whatever else differs follows from it, or is told when it is out.
#[test]
fn the_hosts_half_comes_alone() {
    let edit = |module: &mut Manifest| {
        module.compiler.debug_assertions = false;
        module.keys.push(key("tls-slots", "0.1.0", "HOST_HALF"));
    };
    refused(
        edit,
        "the module does not fit its host in 1 point:\n  \
           what       host    module\n  \
           tls-slots  linked  linked, too\n\
         The module contains the host's half, as it defines `tls_slots_register_v1`; take \
         `tls-slots` out of its dependencies (under `[dev-dependencies]` it does no harm).",
    );
}

#[track_caller]
fn fits(edit: impl FnOnce(&mut Manifest)) {
    assert_eq!(change(edit), Ok(()));
}

#[test]
fn another_compiler() {
    refused(
        |module| {
            module.compiler.rustc = "rustc 1.97.0-nightly (0123456 2026-05-01)".to_owned();
            module.compiler.commit = "other".to_owned();
        },
        "\
the module does not fit its host in 1 point:
  what      host                                 module
  compiler  rustc 1.95.0 (59807616e 2026-04-14)  rustc 1.97.0-nightly (0123456 2026-05-01)
Build both with the same compiler.",
    );
    refused(
        |module| module.compiler.commit = "unknown".to_owned(),
        "\
the module does not fit its host in 1 point:
  what                    host                                      module
  commit of the compiler  59807616e1fa2540724bfbac14d7976d7e4a3860  unknown
Build both with the same compiler.",
    );
}

/// A host and a module with these flags, `name=value` each.
fn with_flags(host_has: &str, module_has: &str) -> Result<(), Mismatch> {
    let with = |flags: &str| {
        let mut image = host();
        let flags = flags.split_whitespace().map(|flag| {
            let (name, value) = flag.split_once('=').expect("name=value");
            Flag {
                name: name.to_owned(),
                value: value.to_owned(),
            }
        });
        image.compiler.flags = flags.collect();
        image
    };
    let (host, module) = (with(host_has).into(), with(module_has).into());
    compare(&host, &module, &Allowed::default())
}

#[test]
fn flags_that_change_the_binary_interface() {
    let refused = |host: &str, module: &str, differs: &str, cure: &str| {
        for (host, module) in [
            (host, module),
            (
                &format!("regparm=3 {host}"),
                &*format!("regparm=3 {module}"),
            ),
        ] {
            let mismatch = with_flags(host, module).expect_err("it differs");
            let text = mismatch.to_string();
            let [_, _, row, fix] = text.lines().collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            let row: Vec<&str> = row
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect();
            assert_eq!(row.join(" | "), differs);
            assert_eq!(fix, cure);
        }
    };
    refused(
        "",
        "sanitizer=address",
        "`-Z sanitizer` | not set | address",
        "Build the module without `-Z sanitizer`: take it out of `RUSTFLAGS` and of cargo's \
         configuration, or build the host with it as well.",
    );
    refused(
        "sanitizer=thread",
        "",
        "`-Z sanitizer` | thread | not set",
        "Build the module with `-Z sanitizer=thread` in `RUSTFLAGS`, as the host is.",
    );
    refused(
        "sanitizer=address,memtag",
        "",
        "`-Z sanitizer` | address,memtag | not set",
        "Build the module with `-Z sanitizer=address,memtag` in `RUSTFLAGS`, as the host is.",
    );
    refused(
        "sanitizer=cfi",
        "sanitizer=cfi",
        "`-Z sanitizer` | cfi | cfi",
        "Build both without `-Z sanitizer`: with `cfi` an image ends the process when it calls a \
         function of another one.",
    );
    refused(
        "virtual-function-elimination=on",
        "virtual-function-elimination=on",
        "`-Z virtual-function-elimination` | on | on",
        "Build both without `-Z virtual-function-elimination`: it removes methods that only the \
         other side calls.",
    );
    for (name, value) in [
        ("fixed-x18", "on"),
        ("indirect-branch-cs-prefix", "on"),
        ("reg-struct-return", "on"),
        ("retpoline", "on"),
        ("retpoline-external-thunk", "on"),
        ("sanitizer-cfi-normalize-integers", "on"),
        ("branch-protection", "bti,pac-ret"),
        ("panic-in-drop", "abort"),
        ("a-flag-of-another-year", "on"),
    ] {
        let flag = format!("{name}={value}");
        let row = format!("`-Z {name}` | {value} | not set");
        let cure = format!("Build the module with `-Z {flag}` in `RUSTFLAGS`, as the host is.");
        refused(&flag, "", &row, &cure);
        assert_eq!(with_flags(&flag, &flag), Ok(()));
    }
    refused(
        "target-feature=+soft-float",
        "target-feature=-sse2",
        "`-C target-feature` | +soft-float | -sse2",
        "Build the module with `-C target-feature=+soft-float` in `RUSTFLAGS`, as the host is.",
    );
}

#[test]
fn flags_that_may_differ() {
    for (host, module) in [
        ("", ""),
        ("sanitizer=address", ""),
        ("sanitizer=address", "sanitizer=address"),
        ("sanitizer=address,memtag", "sanitizer=memtag"),
        (
            "retpoline=on sanitizer=thread",
            "sanitizer=thread retpoline=on",
        ),
    ] {
        assert_eq!(with_flags(host, module), Ok(()), "{host} {module}");
    }
}

#[test]
fn another_way_to_compile() {
    refused(
        |module| {
            module.abi = 2;
            module.compiler.target = "aarch64-unknown-linux-gnu".to_owned();
            module.compiler.panic = "abort".to_owned();
            module.compiler.debug_assertions = false;
            module.compiler.layout_probe = 2;
            // The same thing again: it is said once.
            module.crates[0].cfgs[0].enabled = false;
            // Consequences: not said.
            module.crates[0].types[0].size = 32;
            module.keys[0].size = 32;
        },
        "\
the module does not fit its host in 5 points:
  what              host                      module
  ABI of tls-keys   1                         2
  target            x86_64-unknown-linux-gnu  aarch64-unknown-linux-gnu
  panic strategy    unwind                    abort
  debug assertions  on                        off
  order of fields   order 0000000000000001    order 0000000000000002
Build both with forks that the same version of cargo-tls-slots made.
Build the module for x86_64-unknown-linux-gnu.
Build the module with `panic = \"unwind\"` in its profile, as the host is.
Build both with the same profile, or set `debug-assertions` alike in both profiles: layouts depend on it.
Build both without `-Z randomize-layout`: the order depends on the compiler's ids of crates, and \
         they differ between host and module, also with one seed.",
    );
}

#[test]
fn features_one_by_one_on_either_side() {
    refused(
        |module| {
            module.crates[0].features[1].enabled = false;
            module.crates[0].features[2].enabled = true;
        },
        "\
the module does not fit its host in 2 points:
  what                        host  module
  tokio: feature `net`        on    off
  tokio: feature `test-util`  off   on
Enable the feature `net` of tokio in the module, or disable it in the host.
Enable the feature `test-util` of tokio in the host, or disable it in the module.",
    );
    // What only turns on others.
    fits(|module| module.crates[0].features[0].enabled = false);
}

#[test]
fn another_release_or_another_source() {
    refused(
        |module| module.crates[0].version = "1.53.3".to_owned(),
        "\
the module does not fit its host in 1 point:
  what            host    module
  tokio: version  1.54.1  1.53.3
Use tokio 1.54.1 in the module, as in the host: `cargo update tokio --precise 1.54.1`, with the fork of that version.",
    );
    refused(
        |module| {
            module.crates[0].checksum = "0000".to_owned();
            module.crates[0].source = "0000".to_owned();
        },
        "\
the module does not fit its host in 1 point:
  what             host  module
  tokio: checksum  b52f  0000
Fork tokio 1.54.1 from the same registry for both: one side's release was changed.",
    );
    refused(
        |module| module.crates[0].source = "0000".to_owned(),
        "\
the module does not fit its host in 1 point:
  what            host  module
  tokio: sources  6861  0000
Fork tokio 1.54.1 for both with the same version of cargo-tls-slots, and do not edit the fork.",
    );
}

#[test]
fn cfgs() {
    refused(
        |module| module.crates[0].cfgs[1].enabled = true,
        "\
the module does not fit its host in 1 point:
  what                         host  module
  tokio: cfg `tokio_unstable`  off   on
Build both with `--cfg tokio_unstable` in RUSTFLAGS, or both without it.",
    );
    refused(
        |module| module.crates[0].cfgs[0].enabled = false,
        "\
the module does not fit its host in 1 point:
  what                           host  module
  tokio: cfg `debug_assertions`  on    off
Build tokio with the same debug assertions on both sides: see RUSTFLAGS, and `[profile.….package.tokio]`.",
    );
}

#[test]
fn dependencies_that_both_builds_have() {
    refused(
        |module| module.crates[0].dependencies[0].version = "1.0.4".to_owned(),
        "\
the module does not fit its host in 1 point:
  what                   host   module
  tokio: dependency mio  1.2.4  1.0.4
Use mio 1.2.4 in the module, as in the host: build both with one fork of tokio, or fork with `--lockfile` of the host's Cargo.lock.",
    );
    // Not in this build, and not known.
    fits(|module| module.crates[0].dependencies[1].version = "0.4.0".to_owned());
    fits(|module| module.crates[0].dependencies[2].version = "0.1.0".to_owned());
}

#[test]
fn layouts_where_all_else_agrees() {
    refused(
        |module| module.crates[0].types[0].size = 32,
        "\
the module does not fit its host in 1 point:
  what                           host                   module
  layout of mio::net::TcpStream  40 bytes, alignment 8  32 bytes, alignment 8
Build tokio and its dependencies alike on both sides: a layout differs, though compiler, versions, features and cfgs agree. Look for debug assertions of single packages (RUSTFLAGS, `[profile.….package.…]`) and for features of its dependencies.",
    );
    let mismatch = change(|module| module.crates[0].types[0].fields = 8).unwrap_err();
    assert_eq!(
        mismatch.differences[0].module,
        "40 bytes, alignment 8, fields 00000008"
    );
    let mut host = host();
    host.crates[0].types[0].name = "crate::net::TcpStream".to_owned();
    let mut module = host.clone();
    module.crates[0].types[0].align = 4;
    let mismatch = compared(&host, &module).unwrap_err();
    assert_eq!(
        mismatch.differences[0].what,
        "layout of tokio::net::TcpStream"
    );
}

#[test]
fn keys_that_both_have() {
    refused(
        |module| {
            module.keys[1].size = 8;
            module.keys[1].type_text = "Cell<u64>".to_owned();
        },
        "\
the module does not fit its host in 1 point:
  what                            host                            module
  thread-local app::runtime::OWN  Context: 64 bytes, alignment 8  Cell<u64>: 8 bytes, alignment 8
Build both with the same features of app 0.1.0, the same cfgs and the same versions of its dependencies.",
    );
    fits(|module| {
        module.keys[1].file = "/elsewhere/src/lib.rs".to_owned();
        module.keys.push(key("other", "0.1.0", "OWN"));
    });
    // A comment moved it.
    fits(|module| module.keys[1].line = 9);
    // Two of one name are shared with nobody. Of a fork, the unit tests of a crate that its own
    // dependencies use have two.
    fits(|module| module.keys.push(key("tokio", "1.54.1", "CONTEXT")));
    refused(
        |module| module.keys.push(own("0.1.0", "OWN")),
        "\
the module does not fit its host in 1 point:
  what                            host           module
  thread-local app::runtime::OWN  is there once  is there twice
Declare the key in one crate of app, such as its library, and let the package's program use that one: two keys of one name are shared with nobody. If that is meant: `LoadOptions::allow_private(\"app::runtime::OWN\")`.",
    );
    // In two crates of the package, whose order in the sources tells nothing.
    let mismatch = change(|module| {
        let other = Key {
            line: 9,
            sources: "decade".to_owned(),
            ..own("0.1.0", "OWN")
        };
        module.keys.push(other);
    });
    let differences = mismatch.unwrap_err().differences;
    assert!(differences.iter().any(|one| one.what == "app: sources"));
    // Several of one name, in order.
    let mut host = host();
    host.keys.push(Key {
        line: 5,
        size: 1,
        ..own("0.1.0", "OWN")
    });
    let mut module = host.clone();
    (module.keys[1].line, module.keys[2].line) = (11, 15);
    assert_eq!(compared(&host, &module), Ok(()));
    (module.keys[1].line, module.keys[2].line) = (15, 11);
    let mismatch = compared(&host, &module).unwrap_err();
    assert_eq!(mismatch.differences.len(), 2);
    // The host lacks one of a crate that it has forked.
    refused(
        |module| module.keys.push(key("tokio", "1.54.1", "LOST")),
        "\
the module does not fit its host in 1 point:
  what                               host          module
  thread-local tokio::runtime::LOST  is not there  is there
Build the host again, with the tokio that the module is built with: what tokio shares must be there in the host. If the key is meant to be the module's own: `LoadOptions::allow_private(\"tokio::runtime::LOST\")`.",
    );
    // A static there, a thread-local here.
    refused(
        |module| module.keys[1].kind = KeyKind::Process,
        "\
the module does not fit its host in 1 point:
  what                      host          module
  static app::runtime::OWN  is not there  is there
Build the host again, with the app that the module is built with: what app shares must be there in the host. If the key is meant to be the module's own: `LoadOptions::allow_private(\"app::runtime::OWN\")`.",
    );
}

#[test]
fn crates_of_the_users_own() {
    refused(
        |module| module.keys[1].sources = "decade".to_owned(),
        "\
the module does not fit its host in 1 point:
  what          host    module
  app: sources  c0ffee  decade
Build both from the same sources of app 0.1.0: one side was built before or after a change of them. Comments do not count. If you know that the change is harmless: `LoadOptions::trust_sources(\"app\")`.",
    );
    refused(
        |module| module.keys[1].cfgs = vec!["unstable".to_owned()],
        "\
the module does not fit its host in 2 points:
  what                 host  module
  app: feature `wide`  on    off
  app: cfg `unstable`  off   on
Build app with its feature `wide` on both sides, or on neither.
Build app with its cfg `unstable` on both sides, or on neither.",
    );
    refused(
        |module| module.keys[1].version = "0.1.1".to_owned(),
        "\
the module does not fit its host in 1 point:
  what          host   module
  app: version  0.1.0  0.1.1
Build both with one version of app: its keys would be two in the process, one for each version. If that is meant: `LoadOptions::allow_private(\"app\")`.",
    );
    // Which cargo links side by side.
    fits(|module| module.keys[1].version = "0.2.0".to_owned());
    // Sources that ask for features of the target.
    let asking = |asked_for: &str| {
        let mut image = host();
        image.keys[1].cfgs = vec!["target_feature".to_owned()];
        image.compiler.asked_for = asked_for.to_owned();
        image
    };
    assert_eq!(compared(&asking("sse2"), &asking("sse2")), Ok(()));
    let mismatch = compared(&asking("sse2"), &asking("avx sse2")).unwrap_err();
    assert_eq!(mismatch.differences[0].what, "app: features of the target");
    fits(|module| module.compiler.asked_for = "avx sse2".to_owned());
    // The binary interface has a version of its own.
    let with_key = |cfgs: &[&str]| {
        let mut image = host();
        image.keys.push(Key {
            package: "tls-keys".to_owned(),
            cfgs: cfgs.iter().map(|cfg| (*cfg).to_owned()).collect(),
            ..own("0.1.0", "CATCH")
        });
        image
    };
    assert_eq!(
        compared(&with_key(&["feature=\"std\""]), &with_key(&[])),
        Ok(())
    );
    // What the host allows.
    let with = |allow: fn(&mut Allowed), edit: fn(&mut Key)| {
        let mut allowed = Allowed::default();
        allow(&mut allowed);
        let mut module = host();
        edit(&mut module.keys[1]);
        compare(&host().into(), &module.into(), &allowed)
    };
    for (allow, edit) in [
        (
            (|one| {
                one.sources.insert("app".to_owned());
            }) as fn(&mut Allowed),
            (|key| key.sources = "decade".to_owned()) as fn(&mut Key),
        ),
        (
            |one| {
                one.private.insert("app".to_owned());
            },
            |key| key.version = "0.1.1".to_owned(),
        ),
        (
            |one| {
                one.private.insert("app".to_owned());
            },
            |key| key.name = "OTHER".to_owned(),
        ),
        (
            |one| {
                one.private.insert("app::runtime::OTHER".to_owned());
            },
            |key| key.name = "OTHER".to_owned(),
        ),
    ] {
        assert_eq!(with(allow, edit), Ok(()));
        assert!(with(|_| {}, edit).is_err());
    }
    // The host's program and its library are two crates of one package.
    let mut host = host();
    host.keys.push(Key {
        sources: "decade".to_owned(),
        ..own("0.1.0", "MAIN")
    });
    assert_eq!(compared(&host, &self::host()), Ok(()));
}

#[test]
fn crates_that_only_one_has() {
    fits(|module| module.crates[0].name = "another".to_owned());
    fits(|module| module.crates.clear());
    // What cargo links side by side.
    fits(|module| {
        module.crates[0].version = "2.0.0".to_owned();
        module.crates[0].checksum = "0000".to_owned();
    });
    // Linked twice in the module: its keys are private.
    fits(|module| {
        let mut twice = module.crates[0].clone();
        twice.features[2].enabled = true;
        module.crates.push(twice);
    });
}

#[test]
fn what_cargo_takes_as_one_version() {
    let same = [
        ("1.54.1", "1.3.0"),
        ("0.4.1", "0.4.9"),
        ("0.0.3", "0.0.3"),
        ("0.4.1+build", "0.4.1"),
    ];
    for (one, other) in same {
        assert!(compatible(one, other), "{one} {other}");
    }
    for (one, other) in [("1.0.0", "2.0.0"), ("0.4.1", "0.5.1"), ("0.0.3", "0.0.4")] {
        assert!(!compatible(one, other), "{one} {other}");
    }
}

#[test]
fn a_message_stays_short() {
    let mut module = host();
    for at in 0..30 {
        module.crates[0].features.push(Feature {
            name: format!("feature-{at:02}"),
            enabled: true,
            group: false,
        });
    }
    let mismatch = compared(&host(), &module).unwrap_err();
    assert_eq!(mismatch.differences.len(), 30);
    let text = mismatch.to_string();
    assert!(text.contains("in 30 points:") && text.contains("\n  … and 18 more\n"));
    assert_eq!(text.lines().count(), 1 + 1 + 12 + 1 + 12, "{text}");
    // It fits into the buffer in which a host tells a module why its keys do not work.
    assert!(text.len() < 4000, "{}", text.len());
}

/// A module without tokio's fork, whose file has that state, and paths of these packages.
fn unforked(symbols: Option<&[&str]>, packages: &[(&str, &str)]) -> Description {
    let mut manifest = host();
    manifest.crates.clear();
    manifest.keys.clear();
    let mut module = Description::from(manifest);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    module.private = PrivateState {
        symbols: symbols.map(|symbols| [("tokio".to_owned(), names(symbols))].into()),
        packages: Default::default(),
        folders: Default::default(),
    };
    for (name, version) in packages {
        let versions = module.private.packages.entry((*name).to_owned());
        versions.or_default().insert((*version).to_owned());
    }
    module
}

/// What is said of a module, and of it as a host for a module that has the fork.
fn private(module: &Description) -> Option<[String; 2]> {
    let host = Description::from(host());
    let allowed = Allowed::default();
    let one = compare(&host, module, &allowed);
    let other = compare(module, &host, &allowed);
    let said = |result: Result<(), Mismatch>| match &*result.err()?.differences {
        [one] => Some(format!("{} | {} | {}", one.what, one.host, one.module)),
        more => panic!("{more:?}"),
    };
    match (said(one), said(other)) {
        (Some(one), Some(other)) => Some([one, other]),
        (None, None) => None,
        other => panic!("one direction only: {other:?}"),
    }
}

const CONTEXT: &str = "_ZN5tokio7runtime7context7CONTEXT28_$u7b$$u7b$closure$u7d$$u7d$3VAL17h0E";

#[test]
fn state_without_the_fork_is_found_in_both_directions() {
    let text = |own: &str| {
        let shared = "shared (fork of 1.54.1)";
        Some([
            format!("tokio: its state | {shared} | {own}"),
            format!("tokio: its state | {own} | {shared}"),
        ])
    };
    let there: Option<&[&str]> = Some(&[CONTEXT]);
    assert_eq!(
        private(&unforked(there, &[])),
        text("its own (not the fork)")
    );
    let newer = unforked(there, &[("tokio", "1.55.0")]);
    assert_eq!(private(&newer), text("its own (1.55.0, not the fork)"));
    let stripped = unforked(None, &[("tokio", "1.55.0")]);
    assert_eq!(private(&stripped), text("linked without the fork (1.55.0)"));
}

#[test]
fn a_vendored_crate_has_a_path_without_a_version() {
    let vendored = |symbols, packages: &[(&str, &str)]| {
        let mut module = unforked(symbols, packages);
        module.private.folders.insert("tokio".to_owned());
        module
    };
    let own = "linked without the fork (version unknown)";
    let shared = "shared (fork of 1.54.1)";
    let text = Some([
        format!("tokio: its state | {shared} | {own}"),
        format!("tokio: its state | {own} | {shared}"),
    ]);
    assert_eq!(private(&vendored(None, &[])), text);
    // Beside another release, `cargo vendor` gives a version to one of the two only.
    assert_eq!(private(&vendored(None, &[("tokio", "2.0.0")])), text);
    // Symbols would tell the state, and a folder may have any name.
    assert_eq!(private(&vendored(Some(&[]), &[])), None);
    // The folder is that of the fork.
    let mut module = vendored(None, &[]);
    module.manifest = host();
    let host = Description::from(host());
    assert_eq!(compare(&host, &module, &Allowed::default()), Ok(()));
}

#[test]
fn what_shares_nothing_is_no_private_state() {
    let there: Option<&[&str]> = Some(&[CONTEXT]);
    for (symbols, packages) in [
        // Cargo lets 2.0 stand beside 1.54.
        (there, &[("tokio", "2.0.0")][..]),
        (None, &[("tokio", "2.0.0")]),
        // The code is there, and the state is not; or another static is.
        (Some(&[][..]), &[("tokio", "1.54.1")]),
        (Some(&["_ZN5tokio4sync5OTHER17h0E"]), &[("tokio", "1.54.1")]),
        // A file that nobody has seen.
        (None, &[]),
        (None, &[("bytes", "1.11.1")]),
    ] {
        assert_eq!(private(&unforked(symbols, packages)), None, "{packages:?}");
    }
}

#[test]
fn a_second_release_beside_the_fork_is_found() {
    let mut module = unforked(Some(&[CONTEXT]), &[("tokio", "1.54.1")]);
    module.manifest = host();
    let host = Description::from(host());
    let fits = |module: &Description| compare(&host, module, &Allowed::default());
    // The path is that of the fork.
    assert_eq!(fits(&module), Ok(()));
    let versions = module
        .private
        .packages
        .get_mut("tokio")
        .expect("it is there");
    versions.insert("1.55.0".to_owned());
    assert!(fits(&module).is_err());
    // What the fork itself makes of its keys does not count.
    let symbols = module.private.symbols.as_mut().expect("it has symbols");
    symbols.insert(
        "tokio".to_owned(),
        vec!["_ZN5tokio7CONTEXT8INSTANCE17h0E".to_owned()],
    );
    assert_eq!(fits(&module), Ok(()));
}

#[test]
fn private_state_may_be_allowed_by_name() {
    let module = unforked(Some(&[CONTEXT]), &[]);
    let mut allowed = Allowed::default();
    allowed.private.insert("mio".to_owned());
    let host = Description::from(host());
    assert!(compare(&host, &module, &allowed).is_err());
    allowed.private.insert("tokio".to_owned());
    assert_eq!(compare(&host, &module, &allowed), Ok(()));
}
