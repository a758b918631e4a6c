//! The round trip with real releases: each supported minor is forked, and what comes out
//! compiles without a warning, with the feature and without.
//!
//! The releases come from cargo's cache; a first run fills it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cargo_tls_slots::build::{self, ArtifactKind, BuildOptions};
use cargo_tls_slots::fork::{self, ForkOptions, Forked, Outcome, STAMP, fork};

/// The oldest release that the recipe is meant for, the newest, and some between that differ in
/// what the recipe edits. `cargo tls-slots releases` tries all.
const RELEASES: [&str; 4] = ["1.38.2", "1.43.4", "1.50.0", "1.54.1"];

/// A place that stays from run to run, so that a second one compiles nothing.
fn lasting(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn options(version: &str, out: &Path) -> ForkOptions {
    ForkOptions {
        crates: vec![format!("tokio@{version}").parse().unwrap()],
        ..ForkOptions::new(out)
    }
}

fn forked(version: &str, out: &Path) -> Forked {
    fork(&options(version, out)).unwrap_or_else(|error| panic!("{error}"))
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(folder)
        .env_remove("CARGO_TARGET_DIR")
        // Nothing is built twice, and nobody looks into the builds.
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    command
}

/// Runs a command to its end, which must come within ten minutes.
fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipes = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = thread::spawn(move || {
        let mut bytes = Vec::new();
        pipes.0.read_to_end(&mut bytes).map(|_| bytes)
    });
    let stderr = thread::spawn(move || {
        let mut bytes = Vec::new();
        pipes.1.read_to_end(&mut bytes).map(|_| bytes)
    });
    let deadline = Instant::now() + Duration::from_secs(600);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(20));
    };
    Output {
        status,
        stdout: stdout.join().unwrap().unwrap(),
        stderr: stderr.join().unwrap().unwrap(),
    }
}

fn succeeds(command: &mut Command) {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn project(folder: &Path, manifest: &str, file: &str, text: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    let write = |path: PathBuf, text: &str| {
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return;
        }
        fs::write(path, text).unwrap();
    };
    write(folder.join("Cargo.toml"), manifest);
    write(folder.join("src").join(file), text);
}

#[test]
fn releases_old_and_new_fork_and_compile() {
    for version in RELEASES {
        let place = lasting(&format!("minor-{version}"));
        let forked = forked(version, &place.join("forks"));
        assert_eq!(forked.crates[0].version.to_string(), version);
        let user = place.join("user");
        project(
            &user,
            &format!(
                "[package]\nname = \"user\"\nedition = \"2021\"\n[workspace]\n\
                 [features]\nfull = [\"tokio/full\", \"tokio/test-util\"]\nexternal-tls = [\"tokio/external-tls\"]\n\
                 [dependencies]\ntokio = {{ version = \"={version}\", default-features = false }}\n\n{}",
                forked.patch_lines()
            ),
            "lib.rs",
            "#[cfg(feature = \"full\")] tokio::task_local! { pub static KEY: u8; }\n",
        );
        for features in ["", "full", "external-tls", "full,external-tls"] {
            succeeds(
                cargo(&user)
                    .args(["check", "--quiet", "--features", features])
                    .env("CARGO_TARGET_DIR", lasting("minors-target"))
                    // The fork is no registry's crate, so its warnings are not hidden.
                    .env("RUSTFLAGS", "-Dwarnings"),
            );
        }
    }
}

#[test]
fn a_second_run_writes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let first = forked("1.54.1", place.path());
    assert!(
        first
            .crates
            .iter()
            .all(|one| one.outcome == Outcome::Written)
    );
    let times = |forked: &Forked| -> Vec<_> {
        forked
            .crates
            .iter()
            .map(|one| {
                fs::metadata(one.dir.join("Cargo.toml"))
                    .unwrap()
                    .modified()
                    .unwrap()
            })
            .collect()
    };
    let before = times(&first);
    let mut again = options("1.54.1", place.path());
    again.offline = true;
    let second = fork(&again).unwrap();
    assert!(
        second
            .crates
            .iter()
            .all(|one| one.outcome == Outcome::UpToDate)
    );
    assert_eq!(times(&second), before);

    // A file that was lost, and one that was changed: these two are written.
    let tokio = place.path().join("tokio-1.54.1");
    fs::remove_file(tokio.join("src/lib.rs")).unwrap();
    fs::write(tokio.join("src/time/mod.rs"), "").unwrap();
    let third = forked("1.54.1", place.path());
    assert_eq!(third.crates[0].outcome, Outcome::Updated(2));

    // Other releases stand beside it, and all find the tokio-macros that belongs to them.
    let three = ["tokio@1.47.5", "tokio@1.53.3", "tokio@1.54.1"];
    let three = ForkOptions {
        crates: three.map(|spec| spec.parse().unwrap()).into(),
        ..ForkOptions::new(place.path())
    };
    let crates = fork(&three).unwrap().crates;
    let outcome = |folder: &str| {
        let mut found = crates.iter().filter(|one| one.folder() == folder);
        let outcome = found.next().map(|one| one.outcome);
        assert!(found.next().is_none(), "{folder} is there once");
        outcome
    };
    for (tokio, macros, expected) in [
        ("tokio-1.47.5", "tokio-macros-2.5.0", Outcome::Written),
        ("tokio-1.53.3", "tokio-macros-2.7.2", Outcome::Written),
        ("tokio-1.54.1", "tokio-macros-2.7.2", Outcome::UpToDate),
    ] {
        assert_eq!(outcome(tokio), Some(expected), "{tokio}");
        assert!(outcome(macros).is_some(), "{macros}");
        let folder = place.path().join(tokio);
        let stamp = fs::read_to_string(folder.join(STAMP)).unwrap();
        assert!(stamp.contains("state = \"complete\""), "{stamp}");
        let cargo_toml = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let path = format!("path = \"../{macros}\"");
        assert!(cargo_toml.contains(&path), "{cargo_toml}");
    }
}

/// Old releases of tokio are common beside the one that a program runs on.
#[test]
fn an_old_tokio_beside_the_one_that_is_forked_is_left() {
    let place = tempfile::tempdir().unwrap();
    let lock = place.path().join("Cargo.lock");
    let pinned = "b52fd3255258d26fac7264ab5a76b53c13367136dc011d3d6ad4f8ed070396a3";
    let package = |version, checksum| {
        format!(
            "[[package]]\nname = \"tokio\"\nversion = \"{version}\"\nchecksum = \"{checksum}\"\n"
        )
    };
    fs::write(&lock, package("1.54.1", pinned) + &package("0.2.25", "0")).unwrap();
    let options = ForkOptions {
        lockfile: Some(lock),
        ..ForkOptions::new(place.path().join("forks"))
    };
    let forked = fork(&options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(forked.crates[0].folder(), "tokio-1.54.1");
    let left: Vec<_> = forked.left.iter().map(ToString::to_string).collect();
    assert!(left[0].starts_with("tokio 0.2.25 is too old"), "{left:?}");
    assert!(!forked.patch_lines().contains("0.2.25"));
}

/// Whether two files differ only in lines that keep or compare a waker. `[[wakers]]` finds these in
/// all files.
fn differ_by_wakers(upstream: &[u8], ours: &[u8]) -> bool {
    let [upstream, ours] = [upstream, ours].map(|bytes| str::from_utf8(bytes).unwrap_or_default());
    let is_seam = |line: &str| {
        ["keep_waker", "keep_waker_from", "will_wake"]
            .iter()
            .any(|function| line.contains(&format!("crate::external_tls::{function}(")))
    };
    let mut pairs = upstream.lines().zip(ours.lines());
    upstream.lines().count() == ours.lines().count()
        && pairs.all(|(theirs, line)| theirs == line || (is_seam(line) && !is_seam(theirs)))
}

#[test]
fn what_no_edit_names_is_upstreams_byte_by_byte() {
    let place = tempfile::tempdir().unwrap();
    let forked = forked("1.54.1", place.path());
    // The recipe touches these files and no others, but for wakers.
    let text = include_str!("../../patches/tokio.toml");
    let edited = |path: &str| text.contains(&format!("\"{path}\"")) || path == "Cargo.toml";
    let generated = forked.crates[0].dir.join("src/tls_slots_manifest.rs");
    assert!(generated.is_file());
    let output = run(cargo(place.path()).args(["metadata", "--format-version", "1"]).arg("--manifest-path").arg({
        let user = place.path().join("user");
        project(
            &user,
            "[package]\nname = \"user\"\n[workspace]\n[dependencies]\ntokio = { version = \"=1.54.1\", features = [\"macros\"] }\n",
            "lib.rs",
            "",
        );
        user.join("Cargo.toml")
    }));
    let metadata =
        cargo_metadata::MetadataCommand::parse(String::from_utf8(output.stdout).unwrap()).unwrap();
    let upstream = metadata
        .packages
        .iter()
        .find(|package| package.name == "tokio")
        .unwrap();
    let upstream = upstream.manifest_path.parent().unwrap().as_std_path();
    let mut same = 0;
    let mut folders = vec![upstream.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let inside = path
                .strip_prefix(upstream)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !inside.starts_with('.') && !inside.starts_with("Cargo.") && !edited(&inside)
            {
                let ours = fs::read(forked.crates[0].dir.join(&inside)).unwrap_or_default();
                let theirs = fs::read(&path).unwrap();
                assert!(
                    ours == theirs || differ_by_wakers(&theirs, &ours),
                    "{inside}"
                );
                same += 1;
            }
        }
    }
    assert!(same > 300, "{same}");
}

#[test]
fn a_release_that_was_tried_must_have_its_checksum() {
    let place = tempfile::tempdir().unwrap();
    let lock = place.path().join("Cargo.lock");
    let wrong = "0".repeat(64);
    fs::write(
        &lock,
        format!("version = 4\n[[package]]\nname = \"tokio\"\nversion = \"1.54.1\"\nchecksum = \"{wrong}\"\n"),
    )
    .unwrap();
    let out = place.path().join("forks");
    let error = fork(&ForkOptions {
        lockfile: Some(lock),
        ..ForkOptions::new(&out)
    })
    .unwrap_err();
    assert!(matches!(error, fork::Error::Checksum { .. }), "{error}");
    assert!(!out.exists());
}

/// cargo gets a yanked release only for a project that has locked it; so does `fork`.
#[test]
fn a_yanked_release_is_forked_for_a_lock_file_that_holds_it() {
    let place = tempfile::tempdir().unwrap();
    let lock = place.path().join("Cargo.lock");
    let checksum = "a0c168a474b95bfecfe908a65d4bdffc523144b649a74c09c286afb35d53e0bc";
    fs::write(
        &lock,
        format!("version = 4\n[[package]]\nname = \"tokio\"\nversion = \"1.54.0\"\nchecksum = \"{checksum}\"\n"),
    )
    .unwrap();
    let forked = fork(&ForkOptions {
        lockfile: Some(lock),
        ..ForkOptions::new(place.path().join("forks"))
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(forked.crates[0].version.to_string(), "1.54.0");

    let error = fork(&options("1.54.0", &place.path().join("others"))).unwrap_err();
    assert!(error.to_string().contains("was yanked"), "{error}");
}

#[test]
fn vendored_sources_are_enough() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    project(
        &place.join("user"),
        "[package]\nname = \"user\"\nedition = \"2021\"\n[workspace]\n\
         [dependencies]\ntokio = { version = \"=1.54.1\", features = [\"macros\"] }\n",
        "lib.rs",
        "",
    );
    succeeds(cargo(&place.join("user")).args(["vendor", "--quiet", "vendor"]));
    fs::create_dir(place.join("user/.cargo")).unwrap();
    fs::write(
        place.join("user/.cargo/config.toml"),
        "[source.crates-io]\nreplace-with = 'vendored'\n[source.vendored]\ndirectory = 'vendor'\n",
    )
    .unwrap();
    // A home without a registry: only the vendored sources can be found.
    let output = run(Command::new(env!("CARGO_BIN_EXE_cargo-tls-slots"))
        .args(["fork", "--offline", "--write"])
        .current_dir(place.join("user"))
        .env("CARGO_HOME", place.join("empty-home")));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.starts_with("[patch.crates-io]\ntokio = { path = "),
        "{stdout}"
    );
    let manifest = fs::read_to_string(place.join("user/Cargo.toml")).unwrap();
    assert!(
        manifest.contains("tokio = { path = \"tls-slots-forks/tokio-1.54.1\" }"),
        "{manifest}"
    );
}

/// The version that a manifest asks for of a dependency.
fn requirement(manifest: &Path, table: &str) -> String {
    let text = fs::read_to_string(manifest).unwrap();
    let (_, rest) = text.split_once(&format!("\n[{table}]\n")).unwrap();
    let rest = rest.split_once("version = \"").unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

/// The version that a lock file holds of a package.
fn locked(lock: &Path, name: &str) -> String {
    let text = fs::read_to_string(lock).unwrap();
    let start = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = text.split_once(&start).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[test]
fn layouts_depend_on_the_releases_that_the_lock_file_holds() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let manifest = |name: &str, patches: &str| {
        format!(
            "[package]\nname = \"{name}\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n\
             tokio = {{ version = \"=1.54.1\", features = [\"net\"] }}\n\n{patches}"
        )
    };
    let host = place.join("host");
    project(&host, &manifest("a-host", ""), "lib.rs", "");
    let lock = host.join("Cargo.lock");
    succeeds(cargo(&host).arg("generate-lockfile"));
    succeeds(cargo(&host).args(["update", "--quiet", "mio", "--precise", "1.2.1"]));
    let options = ForkOptions {
        lockfile: Some(lock.clone()),
        ..ForkOptions::new(place.join("forks"))
    };
    let forked = fork(&options).unwrap_or_else(|error| panic!("{error}"));
    let fork_of_tokio = forked.crates[0].dir.clone();
    let forks = fork_of_tokio.join("Cargo.toml");
    assert_eq!(requirement(&forks, "dependencies.mio"), "=1.2.1");
    // For every platform.
    let uring = "target.'cfg(all(tokio_unstable, target_os = \"linux\"))'.dependencies.mio";
    assert_eq!(requirement(&forks, uring), "=1.2.1");
    // What the lock file does not hold is what cargo would take.
    let bytes = requirement(&forks, "dependencies.bytes");
    assert!(bytes.starts_with("=1."), "{bytes}");
    // What no layout depends on stays open.
    let open = requirement(&forks, "dependencies.pin-project-lite");
    assert!(!open.starts_with('='), "{open}");
    let record = fs::read_to_string(fork_of_tokio.join("src/tls_slots_manifest.rs")).unwrap();
    assert!(record.contains("(\"mio\", \"1.2.1\", cfg!("), "{record}");

    // A second run does nothing, needs no network, and does not go with the registry.
    let again = ForkOptions {
        offline: true,
        ..options.clone()
    };
    let outcomes =
        |forked: Forked| -> Vec<Outcome> { forked.crates.iter().map(|one| one.outcome).collect() };
    let second = outcomes(fork(&again).unwrap());
    assert!(
        second.iter().all(|one| *one == Outcome::UpToDate),
        "{second:?}"
    );

    // A module that has another release locked: cargo takes the fork's, or says that it must.
    let module = place.join("module");
    project(
        &module,
        &manifest("a-module", &forked.patch_lines()),
        "lib.rs",
        "",
    );
    let theirs = module.join("Cargo.lock");
    fs::copy(&lock, &theirs).unwrap();
    succeeds(cargo(&host).args(["update", "--quiet", "mio", "--precise", "1.2.4"]));
    let newer = fs::read_to_string(&lock).unwrap();
    fs::write(&theirs, newer.replace("a-host", "a-module")).unwrap();
    let refused = run(cargo(&module).args(["metadata", "--format-version", "1", "--locked"]));
    assert!(!refused.status.success());
    let says = String::from_utf8(refused.stderr).unwrap();
    assert!(says.contains("--locked was passed"), "{says}");
    succeeds(cargo(&module).args(["metadata", "--format-version", "1"]));
    assert_eq!(locked(&theirs, "mio"), "1.2.1");

    // The host's lock file has changed, and so does the fork: two files of it.
    let third = outcomes(fork(&options).unwrap());
    assert_eq!(third[0], Outcome::Updated(2), "{third:?}");
    assert_eq!(requirement(&forks, "dependencies.mio"), "=1.2.4");
    assert_eq!(requirement(&forks, "dependencies.bytes"), bytes);
}

#[test]
fn projects_are_built_with_the_fork_whatever_their_lock_file_says() {
    let place = lasting("build");
    let host = place.join("host");
    let module = place.join("module");
    project(
        &host,
        "[package]\nname = \"a-host\"\nedition = \"2021\"\n[workspace]\n\
         [dependencies]\ntokio = { version = \"1.54\", features = [\"rt\"] }\n",
        "main.rs",
        "fn main() { drop(tokio::runtime::Builder::new_current_thread()) }\n",
    );
    project(
        &module,
        "[package]\nname = \"a-module\"\nedition = \"2021\"\n[workspace]\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\ntokio = { version = \"1.54\", features = [\"rt\", \"external-tls\"] }\n",
        "lib.rs",
        "pub fn id() -> Option<tokio::task::Id> { tokio::task::try_id() }\n",
    );
    // The host's lock file is one that was made without the patches.
    fs::write(host.join("Cargo.lock"), "").unwrap();
    fs::remove_file(host.join("Cargo.lock")).unwrap();
    succeeds(cargo(&host).arg("generate-lockfile"));
    succeeds(cargo(&host).args(["update", "--quiet", "tokio", "--precise", "1.54.1"]));
    let registry = fs::read_to_string(host.join("Cargo.lock")).unwrap();
    assert!(registry.contains("b52fd3255258d26fac7264ab5a76b53c13367136dc011d3d6ad4f8ed070396a3"));

    let options = BuildOptions::new(
        [host.join("Cargo.toml"), module.clone()],
        place.join("forks"),
    );
    let built = build::build(&options).unwrap_or_else(|error| panic!("{error}"));
    let kinds: Vec<ArtifactKind> = built.iter().map(|artifact| artifact.kind).collect();
    assert_eq!(kinds, [ArtifactKind::Executable, ArtifactKind::Cdylib]);
    assert!(built.iter().all(|artifact| artifact.path.is_file()));
    assert_eq!(built[0].package, "a-host");
    // The same lock file, now without the registry's tokio, and without unused patches.
    let patched = fs::read_to_string(host.join("Cargo.lock")).unwrap();
    assert!(patched.contains("name = \"tokio\"") && !patched.contains("[[patch.unused]]"));

    let again = build::build(&options).unwrap();
    assert!(again.iter().all(|artifact| artifact.fresh));

    // A lock file of another release changes what is forked, or is refused.
    let text = fs::read_to_string(module.join("Cargo.lock")).unwrap();
    let other = text.replace(
        "name = \"tokio\"\nversion = \"1.54.1\"",
        "name = \"tokio\"\nversion = \"1.54.0\"",
    );
    fs::write(module.join("Cargo.lock"), other).unwrap();
    let error = build::build(&options).unwrap_err();
    assert!(matches!(error, build::Error::Versions { .. }), "{error}");
    fs::write(module.join("Cargo.lock"), text).unwrap();
}

#[test]
fn a_build_that_fails_shows_what_the_compiler_says() {
    let place = lasting("broken");
    project(
        &place,
        "[package]\nname = \"broken\"\nedition = \"2021\"\n[workspace]\n[dependencies]\ntokio = \"1.54\"\n",
        "main.rs",
        "fn main() { nothing_of_that_name }\n",
    );
    let error = build::build(&BuildOptions::new([&place], place.join("forks"))).unwrap_err();
    assert!(
        error.to_string().contains("nothing_of_that_name"),
        "{error}"
    );
}
