//! Ordinary cargo habits must work, and the mistakes that everybody makes must be named.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};
use tls_slots_manifest::{Allowed, Manifest};
use tls_slots_tests::building::Building;
use tls_slots_tests::fixtures::{Built, DEADLINE, DEV_FULL, REGISTRY_FULL, RELEASE_FULL, fat};
use tls_slots_tests::process::{self, Ended, side_by_side};
use tls_slots_tests::project::Project;

fn run(program: &Path, arguments: &[&Path]) -> Ended {
    process::run(Command::new(program).args(arguments), DEADLINE)
}

/// Host and modules as members of one workspace, with the commands that everybody types.
#[test]
fn one_workspace() {
    let building = Building::begin();
    let project = Project::new("workspace");
    project
        .cargo(&building, &["build", "--workspace"])
        .assert_success();
    project
        .cargo(&building, &["check", "--workspace", "--all-targets"])
        .assert_success();
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ];
    project.cargo(&building, &clippy).assert_success();
    let tests = project.cargo(&building, &["test", "--workspace"]);
    tests.assert_success();
    // Unit tests of the host, unit tests of both modules, an integration test.
    assert_eq!(
        tests.stdout.matches("test tests::works ... ok").count(),
        2,
        "{tests}"
    );
    tests
        .assert_says("test tests::a_host_has_tests_too ... ok")
        .assert_says("Running tests/outside.rs");
    drop(building);

    let artifact = |name: &str| project.artifact(name);
    let (first, second) = (artifact("libmodule_a.so"), artifact("libmodule_b.so"));
    run(&artifact("host"), &[&first, &second])
        .assert_success()
        .assert_says("RESULT ok, 2 modules");
    // A host without any module.
    run(&artifact("host"), &[])
        .assert_success()
        .assert_says("RESULT ok, 0 modules");
    // Both modules as plain libraries of one program; two crates with a static of one name.
    run(&artifact("app"), &[])
        .assert_success()
        .assert_says("RESULT ok");
}

/// `cargo test` inside a module's own folder: unit, integration and documentation tests.
#[test]
fn tests_of_a_module_on_its_own() {
    let building = Building::begin();
    let tests = Project::new("alone").cargo(&building, &["test"]);
    tests.assert_success();
    assert_eq!(
        tests.stdout.matches("test result: ok. 1 passed").count(),
        3,
        "{tests}"
    );
}

/// A program that is no host: `dlopen` names the symbol that it misses.
#[test]
fn a_program_that_is_no_host_cannot_open_a_module() {
    let program = REGISTRY_FULL.built().host;
    let built = Built {
        host: program,
        modules: DEV_FULL.built().modules,
    };
    let ended = built.scenario("multi", "spawn", DEADLINE, &[]);
    ended.assert_failure();
    let result = ended.result().unwrap_or_default();
    let module = built.modules[0].display();
    assert!(
        result.starts_with(&format!(
            "failed: dlopen: {module}: undefined symbol: tls_slots_"
        )) || (result.contains(&module.to_string())
            && result.contains("undefined symbol: tls_slots_")),
        "{ended}"
    );
}

/// A host has every key of a crate that it links, used or not, after thin LTO as well: else a
/// module's key would silently be private.
#[test]
fn a_host_has_every_key() {
    let module = RELEASE_FULL.built().modules.remove(0);
    let host = Project::new("minimal").release(true).built();
    let ended = run(&host, &[&module]);
    ended.assert_success();

    let keys = |kind: &str| -> BTreeSet<(String, bool)> {
        ended
            .stdout
            .lines()
            .filter_map(|line| {
                line.strip_prefix("key ")?
                    .strip_prefix(kind)?
                    .strip_prefix(" tokio ")
            })
            .filter_map(|line| line.split_once(" shared="))
            .map(|(path, shared)| (path.to_owned(), shared == "true"))
            .collect()
    };
    let (own, theirs) = (keys("host"), keys("module"));
    println!(
        "{} keys of tokio in the host, {} in the module",
        own.len(),
        theirs.len()
    );
    assert!(theirs.len() >= 10, "{ended}");
    assert!(
        theirs.iter().all(|(_, shared)| *shared),
        "a private key of tokio:\n{ended}"
    );
    assert_eq!(own, theirs, "{ended}");

    // And alone it works as any program does.
    let ended = run(&host, &[]);
    ended.assert_success().assert_says("RESULT ok");
    assert!(!ended.stdout.contains("module refused"), "{ended}");
}

/// A key of the host's in another size: the module is refused, its use of keys panics with both
/// sides' names, and the host goes on.
#[test]
fn a_module_with_a_key_of_another_size_is_refused() {
    let host = Project::new("minimal").built();
    let module = Project::new("misfit").built();
    let ended = run(&host, &[&module]);
    ended
        .assert_success()
        .assert_says("misfit: refused: ")
        .assert_says("fixture-twin")
        .assert_says("RESULT ok");
    assert!(!ended.stdout.contains("module refused=-"), "{ended}");
}

/// The functions of libc that `tls-slots-load` defines in its host.
const TAKEN_OVER: [&str; 12] = [
    "__cxa_at_quick_exit",
    "__cxa_atexit",
    "__cxa_thread_atexit_impl",
    "on_exit",
    "pthread_create",
    "pthread_key_create",
    "pthread_key_delete",
    "pthread_setspecific",
    "sigaction",
    "thrd_create",
    "timer_create",
    "timer_delete",
];

/// Which of those a program defines itself.
fn taken_over(program: &Path) -> Vec<&'static str> {
    let bytes = std::fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let defined: BTreeSet<&str> = file
        .symbols()
        .filter(|symbol| symbol.is_definition())
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    TAKEN_OVER
        .into_iter()
        .filter(|name| defined.contains(name))
        .collect()
}

/// A host that opens its modules by plain libloading links `tls-slots` only, and libc stays as it
/// is. The control is a host with the loader.
#[test]
fn only_the_loader_takes_over_functions_of_libc() {
    let core = Project::new("minimal").built();
    let with_loader = Project::new("entries_host").built();
    assert_eq!(taken_over(&core), [""; 0]);
    assert_eq!(taken_over(&with_loader), TAKEN_OVER);
}

/// What of ours is linked into a program.
fn traces(program: &Path) -> Vec<String> {
    let bytes = std::fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    assert!(
        file.symbols().count() > 100,
        "{} has no symbols to look at",
        program.display()
    );
    let symbols = file
        .symbols()
        .filter_map(|symbol| Some(symbol.name().ok()?.to_owned()));
    let sections = file
        .sections()
        .filter_map(|section| Some(section.name().ok()?.to_owned()));
    symbols
        .chain(sections)
        .filter(|name| {
            ["tls_slots", "tls_keys", "tls-slots", "tls-keys"]
                .iter()
                .any(|ours| name.contains(ours))
        })
        .collect()
}

/// The bodies linked into one binary, with the fork: all scenarios that need no second image.
fn static_binary(features: &str) -> Built {
    let host = Project::new("host").features(features).built();
    let built = Built {
        host,
        modules: Vec::new(),
    };
    let images = [
        "task_local_private",
        "keys_private",
        "keys_twin_crates",
        "images",
    ];
    let table = built.table().into_iter();
    let table = table.filter(|(name, _)| !images.contains(&name.as_str()));
    all_scenarios(&built, table);
    built
}

/// How many scenarios at a time: most of them wait for timers and for each other's threads.
const AT_A_TIME: usize = 4;

/// Runs each scenario of a table on each of its flavours.
fn all_scenarios(built: &Built, table: impl Iterator<Item = (String, Vec<String>)>) {
    let of_all = table.flat_map(|(name, flavours)| {
        let named = move |flavour| (flavour, name.clone());
        flavours.into_iter().map(named)
    });
    let all: Vec<(String, String)> = of_all.collect();
    side_by_side(AT_A_TIME, &all, |(flavour, name)| {
        built.assert_scenario(flavour, name);
    });
}

/// With the feature off, the forked tokio is upstream's: it works, and nothing of ours is there.
#[test]
fn feature_off_links_nothing_of_ours() {
    let built = static_binary("static,full");
    assert_eq!(traces(&built.host), Vec::<String>::new());
}

/// The control of the one above: with the feature on, a program without modules works, too, and
/// there is something to be found.
#[test]
fn feature_on_in_a_static_binary() {
    let built = static_binary("static,full,patched");
    let traces = traces(&built.host);
    for expected in [
        "tls_slots_register_v1",
        "tls_slots_keys_v1",
        "tls_slots_manifest_v1",
    ] {
        assert!(
            traces.iter().any(|name| name == expected),
            "no {expected} among {traces:?}"
        );
    }
}

/// Some scenarios that use each way of access.
const LINKED: [(&str, &str); 8] = [
    ("multi", "spawn_storm"),
    ("current", "nested_spawn"),
    ("multi", "lost_wakeups"),
    ("multi", "task_local_module_to_host"),
    ("multi", "keys_both_ways"),
    ("multi", "keys_many"),
    ("multi", "keys_at_thread_exit"),
    ("multi", "images"),
];

/// Both files have a manifest that can be read, with all that matters in it, and they fit.
#[track_caller]
fn assert_manifests_fit(host: &Path, module: &Path) {
    let read = |path: &Path| {
        let manifest = Manifest::from_object(&std::fs::read(path).unwrap());
        let manifest = manifest.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tokio = manifest.crates.iter().find(|one| one.name == "tokio");
        let tokio = tokio.unwrap_or_else(|| panic!("{} has no tokio", path.display()));
        assert!(
            tokio
                .types
                .iter()
                .any(|one| one.name == "mio::net::TcpStream")
        );
        assert!(
            tokio
                .dependencies
                .iter()
                .any(|one| one.enabled && one.name == "mio")
        );
        assert!(manifest.keys.iter().any(|key| key.name == "CONTEXT"));
        manifest
    };
    let fits = tls_slots_manifest::compare(
        &read(host).into(),
        &read(module).into(),
        &Allowed::default(),
    );
    fits.unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

/// Host and module linked by different linkers, in all combinations of those that are here.
#[test]
fn linkers() {
    let second = DEV_FULL.built().modules.remove(1);
    let mut linkers = vec!["lld"];
    for (linker, program) in [("bfd", "ld.bfd"), ("gold", "ld.gold"), ("mold", "mold")] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(program).is_file());
        if found {
            linkers.push(linker);
        } else {
            println!("{linker} is not on this machine: not tried");
        }
    }
    let by = |linker: &str, project: Project| match linker {
        // rustc's own.
        "lld" => project,
        _ => project.rustc(&format!("-Clink-arg=-fuse-ld={linker}")),
    };
    let hosts = linkers.iter();
    let hosts: Vec<_> = hosts
        .map(|linker| DEV_FULL.host(|project| by(linker, project)))
        .collect();
    let modules = linkers.iter();
    let modules: Vec<_> = modules
        .map(|linker| DEV_FULL.module(|project| by(linker, project)))
        .collect();
    for (host, linker) in hosts.iter().zip(&linkers) {
        for (module, other) in modules.iter().zip(&linkers) {
            println!("host by {linker}, module by {other}");
            assert_manifests_fit(host, module);
            let built = Built {
                host: host.clone(),
                modules: vec![module.clone(), second.clone()],
            };
            side_by_side(AT_A_TIME, &LINKED, |(flavour, name)| {
                built.assert_scenario(flavour, name);
            });
        }
    }
}

/// Fat LTO, one unit, no symbols, on both sides.
#[test]
fn fat_lto_and_strip() {
    let mut modules = RELEASE_FULL.built().modules;
    let (second, module) = (modules.remove(1), modules.remove(0));
    let host = RELEASE_FULL.host(fat);
    assert_manifests_fit(&host, &module);
    let built = Built {
        host,
        modules: vec![module, second],
    };
    all_scenarios(&built, built.table().into_iter());
}
