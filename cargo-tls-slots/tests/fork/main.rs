//! `cargo tls-slots fork` on lock files as they are: several releases of a crate, releases that do
//! not fit, crates of the user's own, patches that are there already.

use cargo_tls_slots::fork::{self, ForkOptions};
use place::{CRATES_IO, NEW_STATE, Place, checksum, lock, time};
use snapbox::str;

#[path = "../common/mod.rs"]
mod common;
mod place;

const TWO: &[(&str, &str)] = &[("foldhash@0.1.90", ""), ("foldhash@0.2.90", "")];

/// A package without a source, as crates of the user's own and forks are in a lock file.
const USER: &str = "name = \"user\"\nversion = \"0.0.0\"\n";

#[test]
fn all_releases_of_a_crate_are_forked_side_by_side() {
    let place = Place::with(TWO);
    let both = "foldhash = \"0.1\"\nnewer = { package = \"foldhash\", version = \"0.2\" }\n";
    place.project("user", both, &["foldhash@0.1.90", "foldhash@0.2.90", USER]);
    place
        .command("user", &["fork", "--write"])
        .assert()
        .success()
        .stderr_eq(str![[r#"
getting foldhash 0.1.90 and foldhash 0.2.90
forking foldhash 0.1.90 and foldhash 0.2.90
forked foldhash 0.1.90 and foldhash 0.2.90
patched [FOLDER]/Cargo.toml

"#]]);
    assert!(place.read("user/Cargo.toml").ends_with(
        "\n[patch.crates-io]\n\
         foldhash_0_1 = { package = \"foldhash\", path = \"tls-slots-forks/foldhash-0.1.90\" }\n\
         foldhash_0_2 = { package = \"foldhash\", path = \"tls-slots-forks/foldhash-0.2.90\" }\n"
    ));
    // cargo takes both, and our crates that nothing names get no line.
    let lock = place.resolve("user");
    assert!(
        !lock.contains("checksum") && !lock.contains("patch.unused"),
        "{lock}"
    );
    place
        .command("user", &["fork", "--check"])
        .assert()
        .success()
        .stdout_eq("");

    // Two that are named are both made.
    let named = [
        "fork",
        "foldhash@0.1.90",
        "foldhash@0.2.90",
        "--out",
        "named",
    ];
    place.command("user", &named).assert().success();
    let folders = place.names("user/named");
    assert_eq!(folders[..2], ["foldhash-0.1.90", "foldhash-0.2.90"]);
}

#[test]
fn projects_with_different_releases_have_one_folder() {
    let place = Place::with(&[("foldhash@0.1.90", ""), ("foldhash@0.1.91", "")]);
    for (name, version) in [("host", "foldhash@0.1.90"), ("module", "foldhash@0.1.91")] {
        place.project(name, "foldhash = \"0.1\"\n", &[version, USER]);
    }
    let fork = |name: &str| {
        let args = ["fork", "--out", "../forks", "--write"];
        place.command(name, &args).assert().success();
    };
    fork("host");
    let [first, shared] = [
        "forks/foldhash-0.1.90/Cargo.toml",
        "forks/tls-keys/Cargo.toml",
    ];
    let before = [time(&place.path(first)), time(&place.path(shared))];
    fork("module");
    assert_eq!(
        [time(&place.path(first)), time(&place.path(shared))],
        before
    );
    for (name, version) in [("host", "0.1.90"), ("module", "0.1.91")] {
        let line = format!("foldhash = {{ path = \"../forks/foldhash-{version}\" }}\n");
        assert!(place.read(&format!("{name}/Cargo.toml")).ends_with(&line));
        place.command(name, &["fork", "--check"]).assert().success();
    }
}

/// A fork pins what its layouts depend on, so the second lock file changes it. That is said.
#[test]
fn a_fork_that_follows_another_lock_file_is_no_secret() {
    let place = Place::with(&[
        ("foldhash@0.2.90", ""),
        ("dep@1.0.0", ""),
        ("dep@1.0.1", ""),
    ]);
    let needs = "[dependencies]\ndep = \"1\"\n";
    place.package("vendor/foldhash-0.2.90", "foldhash", "0.2.90", needs, "");
    let foldhash = format!(
        "name = \"foldhash\"\nversion = \"0.2.90\"\nsource = \"{CRATES_IO}\"\n\
         checksum = \"{}\"\ndependencies = [\"dep\"]\n",
        checksum("foldhash@0.2.90")
    );
    for (name, dep) in [("host", "dep@1.0.0"), ("module", "dep@1.0.1")] {
        place.project(name, "foldhash = \"0.2\"\n", &[&foldhash, dep, USER]);
    }
    let fork = |name: &str| place.command(name, &["fork", "--out", "../forks"]).assert();
    fork("host").success();
    fork("module").success().stderr_eq(str![[r#"
getting foldhash 0.2.90
forking foldhash 0.2.90
foldhash 0.2.90 now has dep 1.0.1 and no longer 1.0.0, as the lock file has it; whoever shares this folder of forks moves along
forked foldhash 0.2.90

"#]]);
    assert!(
        place
            .read("forks/foldhash-0.2.90/Cargo.toml")
            .contains("\"=1.0.1\"")
    );
}

#[test]
fn what_does_not_fit_is_left_and_listed() {
    let place = Place::with(&[
        ("foldhash@0.2.90", ""),
        ("crossbeam-utils@0.8.90", NEW_STATE),
        ("string_cache@0.1.0", ""),
    ]);
    let locked = [
        "foldhash@0.2.90",
        "crossbeam-utils@0.8.90",
        "string_cache@0.1.0",
        USER,
    ];
    place.project("user", "foldhash = \"0.2\"\n", &locked);
    let says = str![[r#"
...

Left as published; host and module each have their own state of these, and no value of them may go from one to the other:

- string_cache 0.1.0 is too old: the recipe for string_cache is meant for [..] and later
- the recipe for crossbeam-utils does not fit crossbeam-utils 0.8.90:
    src/lib.rs:3: `static NEW` is new: the recipe does not say whether images share it
    0.8.[..] fits: cargo update -p crossbeam-utils@0.8.90 --precise 0.8.[..]
...
"#]];
    let fork = |more: &[&str]| place.command("user", &[&["fork", "--write"], more].concat());
    fork(&[]).assert().success().stderr_eq(says.clone());
    let text = place.read("user/Cargo.toml");
    assert!(
        text.contains("foldhash-0.2.90") && !text.contains("crossbeam"),
        "{text}"
    );
    // That is known the next time, without the sources, and it is in step.
    std::fs::remove_dir_all(place.path("vendor")).unwrap();
    fork(&[]).assert().success().stderr_eq(says);
    place
        .command("user", &["fork", "--check"])
        .assert()
        .success()
        .stdout_eq("");

    // Whoever does not want that gets an error, with the same words for all of them.
    let error = str![[r#"
error: 2 releases cannot be forked:
string_cache 0.1.0 is too old: the recipe for string_cache is meant for [..] and later
the recipe for crossbeam-utils does not fit crossbeam-utils 0.8.90:
  src/lib.rs:3: `static NEW` is new: the recipe does not say whether images share it
  0.8.[..] fits: cargo update -p crossbeam-utils@0.8.90 --precise 0.8.[..]

"#]];
    fork(&["--strict"])
        .assert()
        .code(1)
        .stderr_eq(error.clone());
    let named = ["fork", "crossbeam-utils", "string_cache"];
    place
        .command("user", &named)
        .assert()
        .code(1)
        .stderr_eq(error);
}

#[test]
fn a_tokio_that_does_not_fit_is_an_error() {
    let place = Place::with(&[
        ("foldhash@0.2.90", ""),
        ("tokio@1.99.0", NEW_STATE),
        ("tokio-macros@2.99.0", ""),
    ]);
    let tokio = format!(
        "name = \"tokio\"\nversion = \"1.99.0\"\nsource = \"{CRATES_IO}\"\nchecksum = \"{}\"\n\
         dependencies = [\"tokio-macros\"]\n",
        checksum("tokio@1.99.0")
    );
    place.package(
        "vendor/tokio-1.99.0",
        "tokio",
        "1.99.0",
        "[features]\nmacros = [\"tokio-macros\"]\n\
         [dependencies]\ntokio-macros = { version = \"2\", optional = true }\n",
        NEW_STATE,
    );
    let locked = ["foldhash@0.2.90", "tokio-macros@2.99.0", &tokio, USER];
    place.project("user", "foldhash = \"0.2\"\ntokio = \"1\"\n", &locked);
    place
        .command("user", &["fork"])
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
...
error: the recipe for tokio does not fit tokio 1.99.0:
...
  src/lib.rs:3: `static NEW` is new: the recipe does not say whether images share it
...
"#]]);
    assert!(!place.has("user/tls-slots-forks"));
    // So is an old one, if no other is forked.
    place.project("old", "", &["tokio@0.2.90", "foldhash@0.2.90"]);
    place.command("old", &["fork"]).assert().code(1);
}

#[test]
fn crates_of_the_users_own_are_never_asked_of_the_registry() {
    let place = Place::with(&[("foldhash@0.2.90", ""), ("inner@1.0.0", "")]);
    let own = "inner = { path = \"../inner\" }\nfoldhash = { path = \"../foldhash\" }\n";
    let foldhash = "name = \"foldhash\"\nversion = \"0.1.7\"\n";
    place.project(
        "user",
        own,
        &[USER, foldhash, "name = \"inner\"\nversion = \"1.0.0\"\n"],
    );
    place.package("inner", "inner", "1.0.0", "", NEW_STATE);
    place.package("foldhash", "foldhash", "0.1.7", "", NEW_STATE);
    place.package(
        "user",
        "user",
        "0.0.0",
        &format!("[workspace]\n[dependencies]\n{own}"),
        NEW_STATE,
    );
    for (name, version) in [
        ("user", " 0.0.0"),
        ("inner", " 1.0.0"),
        ("foldhash", " 0.1.7"),
    ] {
        let says = format!(
            "error: {name}{version} is a crate of your own, and a line of [patch.crates-io] does \
             not reach it; declare its state by `tls_keys::process_local!` and \
             `tls_keys::thread_local!`:\n  [..]/src/lib.rs:3: static NEW\n"
        );
        place
            .command("user", &["fork", name])
            .assert()
            .code(1)
            .stdout_eq("")
            .stderr_eq(says);
    }
    // Without names it is left, and said.
    place
        .command("user", &["fork"])
        .assert()
        .success()
        .stderr_eq(str![[r#"
...
- foldhash 0.1.7 is a crate of your own[..]
    [..]/foldhash/src/lib.rs:3: static NEW

"#]]);
    // A lock file alone does not tell a crate of the user's own from a fork.
    place.write("alone/Cargo.lock", &lock(&[foldhash]));
    let alone = ["fork", "foldhash", "--lockfile", "Cargo.lock"];
    place
        .command("alone", &alone)
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
error: foldhash 0.1.7 is a crate of your own[..]

"#]]);
    // Not even before there is a lock file.
    std::fs::remove_file(place.path("user/Cargo.lock")).unwrap();
    place
        .command("user", &["fork", "inner"])
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
error: inner is a crate of your own[..]
  [..]/inner/src/lib.rs:3: static NEW

"#]]);
    // Whoever names the release means the registry's.
    place
        .command("user", &["fork", "inner@1.0.0"])
        .assert()
        .success();
}

/// A stranger can publish a crate with the name of a private one.
#[test]
fn a_private_crate_of_another_workspace_is_not_asked_of_the_registry() {
    let place = Place::with(&[("secret@0.88.1", "")]);
    place.write(
        "other/Cargo.toml",
        "[workspace]\nmembers = [\"client\", \"secret\"]\n\
         [workspace.dependencies]\nsecret = { path = \"secret\" }\n",
    );
    let inherits = "[dependencies]\nsecret.workspace = true\n";
    place.package("other/client", "client", "0.1.0", inherits, "");
    place.package("other/secret", "secret", "0.88.1", "", NEW_STATE);
    place.project("user", "client = { path = \"../other/client\" }\n", &[]);
    // Before there is a lock file, and with one.
    for version in ["", " 0.88.1"] {
        let says = format!(
            "error: secret{version} is a crate of your own[..]\n  [..]/secret/src/lib.rs:3: \
             static NEW\n"
        );
        place
            .command("user", &["fork", "secret"])
            .assert()
            .code(1)
            .stderr_eq(says);
        place.resolve("user");
    }
    assert!(!place.has("user/tls-slots-forks"));
}

#[test]
fn a_crate_of_the_users_own_stays_beside_a_fork_of_another_release() {
    let place = Place::with(&[("foldhash@0.1.90", ""), ("foldhash@0.2.90", "")]);
    place.package("mine", "foldhash", "0.1.90", "", "");
    let both = "foldhash = { path = \"../mine\" }\n\
                newer = { package = \"foldhash\", version = \"0.2\" }\n";
    let own = "name = \"foldhash\"\nversion = \"0.1.90\"\n";
    place.project("user", both, &[own, "foldhash@0.2.90", USER]);
    let line = "[patch.crates-io]\nfoldhash = { path = \"tls-slots-forks/foldhash-0.2.90\" }\n";
    // In the second run neither of them has a source in the lock file.
    for _ in 0..2 {
        place
            .command("user", &["fork", "--write"])
            .assert()
            .success()
            .stderr_eq(str![[r#"
...
- foldhash 0.1.90 is a crate of your own[..]
...
"#]]);
        assert!(place.read("user/Cargo.toml").ends_with(line));
        assert!(!place.has("user/tls-slots-forks/foldhash-0.1.90"));
        assert!(!place.resolve("user").contains("checksum"));
    }
}

#[test]
fn a_patch_in_the_configuration_counts() {
    let place = Place::with(&[("foldhash@0.1.90", "")]);
    place.package("mine", "foldhash", "0.1.90", "", "");
    place.project("user", "foldhash = \"0.1\"\n", &[]);
    let configure = |path: &str| {
        let line = format!("[patch.crates-io]\nfoldhash = {{ path = \"{path}\" }}\n");
        place.write("user/.cargo/config.toml", &line);
    };
    configure("../mine");
    place.resolve("user");
    let fork = || place.command("user", &["fork", "foldhash"]).assert();
    fork().code(1).stderr_eq(str![[r#"
error: foldhash 0.1.90 is a crate of your own[..]

"#]]);
    // The lines of ours may stand there too.
    std::fs::remove_dir_all(place.path("user/.cargo")).unwrap();
    place
        .command("user", &["fork", "foldhash@0.1.90"])
        .assert()
        .success();
    configure("tls-slots-forks/foldhash-0.1.90");
    assert!(!place.resolve("user").contains("checksum"));
    let check = ["fork", "--check", "foldhash", "--out", "elsewhere"];
    place
        .command("user", &check)
        .assert()
        .code(1)
        .stdout_eq(str![[r#"
foldhash 0.1.90 is not forked
run `cargo tls-slots fork foldhash --out elsewhere --write`

"#]]);
}

/// A lock file that was copied beside another project tells nothing about its packages.
#[test]
fn a_package_that_nothing_leads_to_is_the_users_own() {
    let place = Place::with(&[("foldhash@0.2.90", ""), ("foldhash@0.1.90", "")]);
    let own = [
        "name = \"string_cache\"\nversion = \"0.1.0\"\n",
        "name = \"foldhash\"\nversion = \"0.1.90\"\n",
    ];
    place.project("user", "", &[own[0], own[1], "foldhash@0.2.90", USER]);
    place
        .command("user", &["fork"])
        .assert()
        .success()
        .stderr_eq(str![[r#"
getting foldhash 0.2.90
forking foldhash 0.2.90
forked foldhash 0.2.90

Left as published; host and module each have their own state of these, and no value of them may go from one to the other:

- foldhash 0.1.90 is a crate of your own[..]
- string_cache 0.1.0 is a crate of your own[..]

"#]]);
}

/// `build` does so: no file leads to the forks that its lock files hold, and they may be gone.
#[test]
fn a_caller_that_patches_by_config_finds_its_forks_again() {
    let place = Place::with(&[("foldhash@0.1.90", ""), ("foldhash@0.2.90", "")]);
    place.package("mine", "foldhash", "0.1.90", "", "");
    let fork = |by_config: bool| {
        let options = ForkOptions {
            folder: place.path("user"),
            by_config,
            ..ForkOptions::new(place.path("forks"))
        };
        let forked = fork::fork(&options).unwrap();
        let releases = forked
            .crates
            .into_iter()
            .filter(|one| one.name == "foldhash");
        releases
            .map(|one| one.version.to_string())
            .collect::<Vec<_>>()
    };
    let locked = ["0.1.90", "0.2.90"]
        .map(|version| format!("name = \"foldhash\"\nversion = \"{version}\"\n"));
    let locked = [&*locked[0], &*locked[1], USER];
    place.project("user", "", &locked);
    assert!(fork(false).is_empty());
    assert_eq!(fork(true), ["0.1.90", "0.2.90"]);
    // The forks are there now.
    assert_eq!(fork(false), ["0.1.90", "0.2.90"]);
    // What the project has by its path is no fork, even then.
    place.project("user", "foldhash = { path = \"../mine\" }\n", &locked);
    assert_eq!(fork(true), ["0.2.90"]);
    assert_eq!(fork(false), ["0.2.90"]);
}

#[test]
fn a_crate_of_ours_is_not_forked() {
    let place = Place::with(&[("tls-keys@0.1.0", "")]);
    place.project("user", "", &[USER]);
    for spec in ["tls-keys", "tls-keys@0.1.0"] {
        place
            .command("user", &["fork", spec])
            .assert()
            .code(1)
            .stderr_eq(str![[r#"
error: tls-keys is a crate of this command's own, and nothing to fork; it comes along with the forks that need it

"#]]);
    }
}

#[test]
fn a_project_may_have_a_crate_of_ours_by_its_path() {
    let place = Place::with(&[("foldhash@0.1.90", "")]);
    let ours = env!("CARGO_PKG_VERSION");
    place.package("same", "tls-keys", ours, "", "");
    place.package("other", "tls-keys", "99.0.0", "", "");
    let write = |path: &str| {
        let uses = format!("foldhash = \"0.1\"\ntls-keys = {{ path = \"{path}\" }}\n");
        place.project("user", &uses, &["foldhash@0.1.90", USER]);
        place
            .command("user", &["fork", "--out", "../forks", "--write"])
            .assert()
    };
    // cargo cannot have two of one version.
    write("../same").code(1).stderr_eq(str![[r#"
error: [..]/Cargo.toml has tls-keys [..] by the path [..]/same, and the forks bring tls-keys [..] along; cargo does not take two packages of one name and version from paths: depend on it by its version, and the patch line leads to the one of the forks

"#]]);
    assert!(!place.has("forks"));
    for path in ["../other", "../forks/tls-keys"] {
        write(path).success();
        for _ in 0..2 {
            let line = "[patch.crates-io]\nfoldhash = { path = \"../forks/foldhash-0.1.90\" }\n";
            let text = place.read("user/Cargo.toml");
            assert!(text.ends_with(line), "{text}");
            place.resolve("user");
            place
                .command("user", &["fork", "--out", "../forks", "--write"])
                .assert()
                .success();
        }
    }
}

#[test]
fn what_comes_from_a_repository_gets_a_sentence() {
    let place = Place::with(&[("foldhash@0.1.90", "")]);
    let git =
        "name = \"tokio\"\nversion = \"1.54.1\"\nsource = \"git+https://example.org/t#0abc\"\n";
    place.project(
        "user",
        "tokio = { git = \"https://example.org/t\" }\n",
        &[git, USER],
    );
    let says = str![[r#"
error: tokio[..] comes from https://example.org/t[..], and a line of [patch.crates-io] does not reach it; depend on a release of crates.io, or declare its state by `tls_keys::process_local!` and `tls_keys::thread_local!`, if it has any

"#]];
    place
        .command("user", &["fork"])
        .assert()
        .code(1)
        .stderr_eq(says.clone());
    std::fs::remove_file(place.path("user/Cargo.lock")).unwrap();
    place
        .command("user", &["fork", "tokio"])
        .assert()
        .code(1)
        .stderr_eq(says);
    // One release from the registry and one from elsewhere: each for itself.
    let git =
        "name = \"foldhash\"\nversion = \"0.1.90\"\nsource = \"git+https://example.org/f#0abc\"\n";
    let other =
        "name = \"foldhash\"\nversion = \"0.2.1\"\nsource = \"sparse+https://example.org/\"\n";
    place.project("twice", "", &["foldhash@0.1.90", git, other, USER]);
    place
        .command("twice", &["fork"])
        .assert()
        .success()
        .stderr_eq(str![[r#"
...
- foldhash 0.1.90 comes from https://example.org/f#0abc[..]
- foldhash 0.2.1 comes from the registry https://example.org/[..]

"#]]);
}

#[test]
fn a_patch_of_the_users_own_stays() {
    let place = Place::with(&[("foldhash@0.1.90", "")]);
    place.package("mine", "foldhash", "0.1.90", "", "");
    place.project("user", "foldhash = \"0.1\"\n", &["foldhash@0.1.90", USER]);
    let patch = "\n[patch.crates-io]\nfoldhash = { path = \"../mine\" } # mine\n";
    let text = place.read("user/Cargo.toml") + patch;
    place.write("user/Cargo.toml", &text);
    let write = |more: &[&str]| place.command("user", &[&["fork", "--write"], more].concat());
    write(&[]).assert().code(1).stdout_eq("").stderr_eq(str![[r#"
error: [FOLDER]/Cargo.toml patches crates by lines that `fork` did not write; take these lines out, or replace them with --force:
  foldhash = { path = "../mine" } # mine

"#]]);
    assert_eq!(place.read("user/Cargo.toml"), text);
    assert!(!place.has("user/tls-slots-forks"));
    write(&["--force"]).assert().success();
    let line = "foldhash = { path = \"tls-slots-forks/foldhash-0.1.90\" }";
    assert!(place.read("user/Cargo.toml").contains(line));
}

#[test]
fn a_patch_of_the_users_own_does_not_stop_the_others() {
    let place = Place::with(&[
        ("foldhash@0.1.90", ""),
        ("foldhash@0.2.90", ""),
        ("crossbeam-utils@0.8.90", ""),
    ]);
    place.package("mine", "foldhash", "0.1.90", "", NEW_STATE);
    let uses = "foldhash = \"0.1\"\nnewer = { package = \"foldhash\", version = \"0.2\" }\n\
                crossbeam-utils = \"0.8\"\n";
    let locked = [
        "foldhash@0.1.90",
        "foldhash@0.2.90",
        "crossbeam-utils@0.8.90",
        USER,
    ];
    place.project("user", uses, &locked);
    let own = "\n[patch.crates-io]\nfoldhash = { path = \"../mine\" }\n";
    let text = place.read("user/Cargo.toml") + own;
    place.write("user/Cargo.toml", &text);
    let write = |more: &[&str]| {
        place
            .command("user", &[&["fork"], more, &["--write"]].concat())
            .assert()
    };
    write(&["foldhash"]).code(1).stderr_eq(str![[r#"
error: [..]/Cargo.toml patches crates by lines that `fork` did not write; take these lines out, or replace them with --force:
  foldhash = { path = "../mine" }

"#]]);
    let lines = "crossbeam-utils = { path = \"tls-slots-forks/crossbeam-utils-0.8.90\" }\n\
                 foldhash_0_2 = { package = \"foldhash\", path = \"tls-slots-forks/foldhash-0.2.90\" }\n";
    // Before and after cargo has taken the user's.
    for says in [
        "...\n- foldhash 0.1.90 is patched by a line of your own, `foldhash = { path = \
         \"../mine\" }`; [..]\n...\n",
        "...\n- foldhash 0.1.90 is patched by a line of your own, `foldhash = { path = \
         \"../mine\" }`; [..]:\n    [..]/mine/src/lib.rs:3: static NEW\n...\n",
    ] {
        write(&[]).success().stderr_eq(says);
        assert_eq!(place.read("user/Cargo.toml"), text.clone() + lines);
        assert!(!place.resolve("user").contains("checksum"));
    }
    place.write("user/Cargo.lock", &lock(&locked));
    write(&["--force"]).success();
    assert!(!place.read("user/Cargo.toml").contains("../mine"));
    assert!(!place.resolve("user").contains("checksum"));
}

#[test]
fn without_a_lock_file_the_project_says_which_release() {
    let place = Place::with(&[("foldhash@0.1.90", ""), ("foldhash@0.1.91", "")]);
    // A dependency under another name counts for the crate that it is.
    let renamed = "fold = { package = \"foldhash\", version = \"=0.1.90\" }\n";
    place.project("user", renamed, &[]);
    for _ in 0..2 {
        place
            .command("user", &["fork", "foldhash", "--write"])
            .assert()
            .success();
        let line = "\nfoldhash = { path = \"tls-slots-forks/foldhash-0.1.90\" }\n";
        assert!(place.read("user/Cargo.toml").ends_with(line));
    }
    assert_eq!(
        place.names("user/tls-slots-forks")[..2],
        ["foldhash-0.1.90", "tls-keys"]
    );
    assert!(!place.resolve("user").contains("checksum"));
}

#[test]
fn all_lines_of_a_workspace_lead_into_one_folder() {
    let crates = [
        ("foldhash@0.1.90", ""),
        ("foldhash@0.2.90", ""),
        ("crossbeam-utils@0.8.90", ""),
    ];
    let place = Place::with(&crates);
    let uses = "foldhash = \"0.1\"\nnewer = { package = \"foldhash\", version = \"0.2\" }\n\
                crossbeam-utils = \"0.8\"\ntls-keys = \"0.1\"\n";
    let locked = [
        "foldhash@0.1.90",
        "foldhash@0.2.90",
        "crossbeam-utils@0.8.90",
        USER,
    ];
    place.project("user", uses, &locked);
    let write = |args: &[&str]| {
        place
            .command("user", &[&["fork"], args, &["--write"]].concat())
            .assert()
            .success();
        let text = place.read("user/Cargo.toml");
        text.split_once("[patch.crates-io]\n").unwrap().1.to_owned()
    };
    let lines = |out: &str, foldhash: bool| {
        let two = format!(
            "foldhash_0_1 = {{ package = \"foldhash\", path = \"{out}/foldhash-0.1.90\" }}\n\
             foldhash_0_2 = {{ package = \"foldhash\", path = \"{out}/foldhash-0.2.90\" }}\n"
        );
        format!(
            "crossbeam-utils = {{ path = \"{out}/crossbeam-utils-0.8.90\" }}\n\
             tls-keys = {{ path = \"{out}/tls-keys\" }}\n{}",
            if foldhash { &*two } else { "" }
        )
    };
    assert_eq!(write(&["crossbeam-utils", "--out", "a"]), lines("a", false));
    // Another crate is added, in the folder that is there.
    assert_eq!(write(&["foldhash"]), lines("a", true));
    assert_eq!(write(&["foldhash"]), lines("a", true));
    assert!(!place.has("user/tls-slots-forks"));
    // Another folder moves all of them.
    assert_eq!(write(&["foldhash", "--out", "b"]), lines("b", true));
    assert!(!place.resolve("user").contains("checksum"));
    // The forks need not be kept with the sources.
    std::fs::remove_dir_all(place.path("user/b")).unwrap();
    assert_eq!(write(&[]), lines("b", true));
    // What is not used any more goes.
    let text = place.read("user/Cargo.toml");
    place.write(
        "user/Cargo.toml",
        &text.replacen("crossbeam-utils = \"0.8\"\n", "", 1),
    );
    place.write("user/Cargo.lock", &lock(&["foldhash@0.2.90", USER]));
    assert_eq!(
        write(&[]),
        "tls-keys = { path = \"b/tls-keys\" }\nfoldhash = { path = \"b/foldhash-0.2.90\" }\n"
    );
}

#[test]
fn a_check_says_what_is_out_of_step() {
    let place = Place::with(&[("foldhash@0.1.90", ""), ("foldhash@0.1.91", "")]);
    place.project("user", "foldhash = \"0.1\"\n", &["foldhash@0.1.90", USER]);
    let check = |expected: &str| {
        let check = place.command("user", &["fork", "--check"]).assert();
        // The command helps with all but this.
        let helps = !expected.starts_with("there is no Cargo.lock");
        let advice = match helps {
            true => "run `cargo tls-slots fork --write`\n",
            false => "",
        };
        match expected.is_empty() {
            true => check.success().stdout_eq("").stderr_eq(""),
            false => check
                .code(1)
                .stdout_eq(format!("{expected}\n{advice}"))
                .stderr_eq(""),
        };
    };
    let write = || {
        place
            .command("user", &["fork", "--write"])
            .assert()
            .success()
    };
    check("foldhash 0.1.90 is not forked");
    place.command("user", &["fork"]).assert().success();
    check("foldhash 0.1.90 is forked, and [..]/Cargo.toml does not patch it");
    write();
    check("");
    place.resolve("user");
    check("");
    let in_step = place.read("user/Cargo.lock");

    let stamp = "user/tls-slots-forks/foldhash-0.1.90/.tls-slots-fork.toml";
    let source = "user/tls-slots-forks/foldhash-0.1.90/src/lib.rs";
    place.write(source, "changed");
    check(
        "[..]/foldhash-0.1.90 is not as `fork` has written it\n\
         the fork of foldhash 0.1.90 is not up to date",
    );
    write();
    place.write(
        stamp,
        &place.read(stamp).replace("inputs = \"", "inputs = \"0"),
    );
    check(
        "[..]/foldhash-0.1.90 was made by another version of this command\n\
         the fork of foldhash 0.1.90 is not up to date",
    );
    write();
    std::fs::rename(place.path("user/tls-slots-forks"), place.path("user/moved")).unwrap();
    check(
        "foldhash is patched to [..]/foldhash-0.1.90, where there is no fork\n\
         foldhash 0.1.90 is not forked",
    );
    std::fs::rename(place.path("user/moved"), place.path("user/tls-slots-forks")).unwrap();

    place.write("user/Cargo.lock", &lock(&["foldhash@0.1.91", USER]));
    check(
        "foldhash is patched to the fork of 0.1.90, and Cargo.lock holds 0.1.91\n\
         foldhash 0.1.91 is not forked",
    );
    place.write("user/Cargo.lock", &lock(&[USER]));
    check("foldhash is patched, and Cargo.lock does not hold it");
    let unused = "\n[[patch.unused]]\nname = \"foldhash\"\nversion = \"0.1.90\"\n";
    place.write("user/Cargo.lock", &(lock(&[USER]) + unused));
    check(
        "the patch of foldhash 0.1.90 is not used: the project does not allow this release, or \
         does not depend on foldhash",
    );
    place.write("user/Cargo.lock", &in_step);
    check("");
    std::fs::remove_file(place.path("user/Cargo.lock")).unwrap();
    check("there is no Cargo.lock to compare the forks with; cargo makes one at the first build");
}

#[test]
fn lock_files_of_all_versions_are_read() {
    let place = Place::with(&[("foldhash@0.1.90", "")]);
    let sum = checksum("foldhash@0.1.90");
    let head = format!(
        "[[package]]\nname = \"foldhash\"\nversion = \"0.1.90\"\nsource = \"{CRATES_IO}\"\n"
    );
    let first =
        format!("{head}\n[metadata]\n\"checksum foldhash 0.1.90 ({CRATES_IO})\" = \"{sum}\"\n");
    let later = format!("{head}checksum = \"{sum}\"\n");
    for (number, text) in [
        ("1", first),
        ("2", later.clone()),
        ("3", format!("version = 3\n{later}")),
        ("4", format!("version = 4\n{later}")),
    ] {
        place.write(&format!("{number}/Cargo.lock"), &text);
        let fork = place.command(number, &["fork", "--lockfile", "Cargo.lock"]);
        fork.assert().success();
        assert!(place.has(&format!("{number}/tls-slots-forks/foldhash-0.1.90")));
        let stamp = format!("{number}/tls-slots-forks/foldhash-0.1.90/.tls-slots-fork.toml");
        assert!(place.read(&stamp).contains(&sum));
    }
}

#[test]
fn a_lock_file_that_cannot_be_used_gets_a_sentence() {
    let place = Place::with(&[("foldhash@0.1.90", "")]);
    let good = lock(&["foldhash@0.1.90"]);
    let wrong = lock(&["foldhash@0.1.90"]).replace(&checksum("foldhash@0.1.90"), &"0".repeat(64));
    let table = [
        (
            good.replace("version = 4", "version = 5"),
            "error: Cargo.lock is a lock file of version 5, and this command knows versions 1 to \
             4; a newer `cargo tls-slots` may know it\n",
        ),
        (
            format!("version = 4\n<<<<<<< HEAD\n{good}"),
            "error: Cargo.lock has merge conflicts, the first in line 2; take one side of them \
             and run `cargo metadata`, which completes the file\n",
        ),
        (
            "package = 1".to_owned(),
            "error: Cargo.lock is no lock file\n  because: [..]\n...\n",
        ),
        (
            wrong,
            "...\nerror: foldhash 0.1.90 has the checksum [..], but Cargo.lock says 0000[..]\n",
        ),
    ];
    for (text, says) in table {
        place.write("user/Cargo.lock", &text);
        let fork = place.command("user", &["fork", "--lockfile", "Cargo.lock"]);
        fork.assert().code(1).stdout_eq("").stderr_eq(says);
        assert_eq!(place.names("user"), ["Cargo.lock"]);
    }
    std::fs::remove_file(place.path("user/Cargo.lock")).unwrap();
    let fork = place.command("user", &["fork", "--lockfile", "Cargo.lock"]);
    fork.assert()
        .code(1)
        .stderr_eq("error: cannot read the lock file Cargo.lock\n  because: [..]\n");
}

#[test]
fn what_is_not_on_this_machine_does_not_stop_the_rest() {
    let place = Place::with(&[("foldhash@0.1.90", ""), ("foldhash@0.2.90", "")]);
    let missing = ["crossbeam-utils@0.8.90", "string_cache@0.9.90"];
    let locked = [&["foldhash@0.1.90", "foldhash@0.2.90"], &missing[..]].concat();
    place.project("user", "", &locked);
    place
        .command("user", &["fork", "--offline"])
        .assert()
        .success()
        .stderr_eq(str![[r#"
...
- cannot find crossbeam-utils 0.8.90 on this machine; run once without --offline, or vendor it[..]
...
- cannot find string_cache 0.9.90 on this machine; run once without --offline, or vendor it[..]
...
"#]]);
    let names = place.names("user/tls-slots-forks");
    assert_eq!(
        names[..3],
        ["foldhash-0.1.90", "foldhash-0.2.90", "tls-keys"]
    );
    // That is not in step, whoever asks later.
    place.command("user", &["fork", "--check"]).assert().code(1);
    // Nothing but what is missing: that is an error, and nothing is written.
    place.project("none", "", &missing);
    place
        .command("none", &["fork", "--offline"])
        .assert()
        .code(1);
    assert!(!place.has("none/tls-slots-forks"));
}

#[test]
fn a_host_and_its_modules_need_the_same_of_each_range_of_releases() {
    let place = Place::with(&[]);
    place.project("host", "", &["foldhash@0.1.90", "foldhash@0.2.90", USER]);
    place.project("module", "", &["foldhash@0.2.91", USER]);
    let build = [
        "build",
        "--manifest-path",
        "host",
        "--manifest-path",
        "module",
    ];
    place.command("", &build).assert().code(1).stderr_eq(str![[r#"
error: host/Cargo.toml has foldhash 0.2.90 in its Cargo.lock, but module/Cargo.toml has 0.2.91; a host and its modules need the same: run `cargo update -p foldhash@0.2.91 --precise 0.2.90` for the second

"#]]);
}

/// Runs the command in `user`, where it must succeed, and returns cargo's arguments in each call
/// but those that look for the workspace.
#[cfg(unix)]
fn calls_of_cargo(place: &Place, args: &[&str]) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let log = place.path("calls").display().to_string();
    let script = format!("#!/bin/sh\necho \"$*\" >> '{log}'\nexec \"$REAL_CARGO\" \"$@\"\n");
    place.write("cargo.sh", &script);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path("cargo.sh"), executable).unwrap();
    place.write("calls", "");
    place
        .command("user", args)
        .env("CARGO", place.path("cargo.sh"))
        .env("REAL_CARGO", env!("CARGO"))
        .assert()
        .success();
    let calls = place.read("calls");
    let calls = calls.lines().map(str::to_owned);
    calls
        .filter(|call| !call.starts_with("locate-project"))
        .collect()
}

/// cargo waits for a network that is dead, so it is asked to do without where it can.
#[cfg(unix)]
#[test]
fn what_is_on_this_machine_needs_no_network() {
    let place = Place::with(&[TWO, &[("newest@1.0.0", "")]].concat());
    let offline = |args: &[&str]| -> Vec<bool> {
        let calls = calls_of_cargo(&place, args);
        // A look at the project alone never uses the network.
        let calls = calls.iter().filter(|call| !call.contains("--no-deps"));
        calls.map(|call| call.contains("--offline")).collect()
    };
    place.project("user", "", &["foldhash@0.1.90", "foldhash@0.2.90"]);
    assert_eq!(offline(&["fork"]), [true]);
    // Which release is the newest, only the registry can say.
    assert_eq!(offline(&["fork", "newest", "--out", "other"]), [false]);
}

/// A call of cargo takes longer than the rest of a run.
#[cfg(unix)]
#[test]
fn cargo_is_called_once_for_all_releases() {
    let crates = [
        ("foldhash@0.1.90", ""),
        ("foldhash@0.2.90", ""),
        ("crossbeam-utils@0.8.90", ""),
        ("string_cache@0.9.90", ""),
    ];
    let place = Place::with(&crates);
    let specs: Vec<&str> = crates.iter().map(|(spec, _)| *spec).collect();
    place.project("user", "", &specs);
    let calls = |args: &[&str]| calls_of_cargo(&place, args).len();
    // No dependency is open, so nothing is asked about them.
    assert_eq!(calls(&["fork"]), 1);
    assert_eq!(calls(&["fork"]), 0);
    place
        .command("user", &["fork", "--write"])
        .assert()
        .success();
    assert_eq!(calls(&["fork", "--check"]), 0);
}

/// A place where `foldhash` and the user depend on `dep`, which is locked in 1.0.0, and a project
/// that is patched to the fork.
fn pinned() -> Place {
    let place = Place::with(&[
        ("foldhash@0.2.90", ""),
        ("dep@1.0.0", ""),
        ("dep@1.0.1", ""),
        ("dep@1.2.0", ""),
    ]);
    let needs = "[dependencies]\ndep = \">=1.0.0, <1.2\"\n";
    place.package("vendor/foldhash-0.2.90", "foldhash", "0.2.90", needs, "");
    let foldhash = format!(
        "name = \"foldhash\"\nversion = \"0.2.90\"\nsource = \"{CRATES_IO}\"\n\
         checksum = \"{}\"\ndependencies = [\"dep\"]\n",
        checksum("foldhash@0.2.90")
    );
    let user = format!("{USER}dependencies = [\"dep\", \"foldhash\"]\n");
    let uses = "foldhash = \"0.2\"\ndep = \"1\"\n";
    place.project("user", uses, &[&foldhash, "dep@1.0.0", &user]);
    let write = ["fork", "--write"];
    place.command("user", &write).assert().success();
    assert!(place.resolve("user").contains(&checksum("dep@1.0.0")));
    place
}

#[test]
fn a_pinned_dependency_can_be_moved() {
    let place = pinned();
    let fork = |args: &[&str]| place.command("user", &[&["fork"], args].concat()).assert();
    let cargo_toml = "user/tls-slots-forks/foldhash-0.2.90/Cargo.toml";
    assert!(place.read(cargo_toml).contains("\"=1.0.0\""));
    // The user needs a newer one.
    let text = place.read("user/Cargo.toml");
    let text = text.replace("dep = \"1\"", "dep = \"1.0.1\"");
    place.write("user/Cargo.toml", &text);
    fork(&["--write", "--pin", "dep@1.0.1"])
        .success()
        .stderr_eq(str![[r#"
getting foldhash 0.2.90
forking foldhash 0.2.90
foldhash 0.2.90 now has dep 1.0.1 and no longer 1.0.0, as --pin says; whoever shares this folder of forks moves along
forked foldhash 0.2.90
Cargo.lock still has dep 1.0.0: run `cargo update -p dep@1.0.0 --precise 1.0.1`
[FOLDER]/Cargo.toml has the patches already

"#]]);
    assert!(place.read(cargo_toml).contains("\"=1.0.1\""));
    // That helps, and later runs leave it so.
    let update = ["update", "-p", "dep@1.0.0", "--precise", "1.0.1"];
    place.cargo("user", &update);
    let lock = place.resolve("user");
    assert!(lock.contains(&checksum("dep@1.0.1")), "{lock}");
    assert!(!lock.contains(&checksum("dep@1.0.0")), "{lock}");
    fork(&["--write"]).success();
    fork(&["--check"]).success().stdout_eq("");
    assert!(place.read(cargo_toml).contains("\"=1.0.1\""));
    // The same again changes nothing.
    fork(&["--write", "--pin", "dep@1.0.1"])
        .success()
        .stderr_eq("[..]/Cargo.toml has the patches already\n");
}

#[test]
fn a_pin_that_no_fork_can_have_is_an_error() {
    let place = pinned();
    let cargo_toml = "user/tls-slots-forks/foldhash-0.2.90/Cargo.toml";
    let before = place.read(cargo_toml);
    for (pin, says) in [
        ("other@1.0.0", "no fork of this run pins a dependency other"),
        ("dep@1.2.0", "foldhash 0.2.90 allows dep [..] only"),
        ("dep@2.0.0", "no fork of this run allows this version"),
        ("dep@1.0.7", "cargo does not find this version"),
    ] {
        place
            .command("user", &["fork", "--pin", pin])
            .assert()
            .code(1)
            .stderr_eq(format!("...\nerror: cannot pin {pin}: {says}\n"));
        assert_eq!(place.read(cargo_toml), before);
    }
    place
        .command("user", &["fork", "--pin", "dep"])
        .assert()
        .code(2);
}

#[test]
fn what_is_left_is_not_said_to_be_forked() {
    let place = Place::with(&[
        ("foldhash@0.2.90", ""),
        ("crossbeam-utils@0.8.90", NEW_STATE),
    ]);
    let locked = ["foldhash@0.2.90", "crossbeam-utils@0.8.90", USER];
    place.project("user", "foldhash = \"0.2\"\n", &locked);
    place
        .command("user", &["fork"])
        .assert()
        .success()
        .stderr_eq(str![[r#"
getting crossbeam-utils 0.8.90 and foldhash 0.2.90
forking crossbeam-utils 0.8.90 and foldhash 0.2.90
forked foldhash 0.2.90

Left as published; [..]
...
"#]]);
}

#[test]
fn a_check_looks_at_our_own_crates() {
    let place = Place::with(&[("foldhash@0.2.90", "")]);
    place.project("user", "foldhash = \"0.2\"\n", &["foldhash@0.2.90", USER]);
    let write = ["fork", "--write"];
    place.command("user", &write).assert().success();
    let check = |says: &str| {
        let check = place.command("user", &["fork", "--check"]).assert();
        let advice = "run `cargo tls-slots fork --write`\n";
        check.code(1).stdout_eq(format!("{says}\n{advice}"));
        place.command("user", &write).assert().success();
        let check = place.command("user", &["fork", "--check"]).assert();
        check.success().stdout_eq("");
    };
    let ours: Vec<String> = place
        .names("user/tls-slots-forks")
        .into_iter()
        .filter(|name| name.starts_with("tls-"))
        .collect();
    assert!(ours.contains(&"tls-keys".to_owned()), "{ours:?}");
    for name in ours {
        let folder = format!("user/tls-slots-forks/{name}");
        place.write(&format!("{folder}/src/lib.rs"), "changed");
        check(&format!("[..]/{name} is not as `fork` has written it"));
        std::fs::remove_dir_all(place.path(&folder)).unwrap();
        check(&format!(
            "the forks need {name}, and there is no [..]/{name}"
        ));
    }
}

#[test]
fn a_check_fails_where_lines_lead_into_two_folders() {
    let place = Place::with(TWO);
    let both = "foldhash = \"0.1\"\nnewer = { package = \"foldhash\", version = \"0.2\" }\n";
    place.project("user", both, &["foldhash@0.1.90", "foldhash@0.2.90", USER]);
    for out in ["b", "a"] {
        let write = ["fork", "--write", "--out", out];
        place.command("user", &write).assert().success();
    }
    let text = place.read("user/Cargo.toml");
    place.write(
        "user/Cargo.toml",
        &text.replace("a/foldhash-0.2.90", "b/foldhash-0.2.90"),
    );
    let check = place.command("user", &["fork", "--check"]).assert();
    check.code(1).stdout_eq(str![[r#"
foldhash is patched to a fork in [FOLDER]/b, and the forks that are looked at are in [FOLDER]/a
run `cargo tls-slots fork --write`

"#]]);
    // The advice helps.
    let write = ["fork", "--write"];
    place.command("user", &write).assert().success();
    let check = place.command("user", &["fork", "--check"]).assert();
    check.success().stdout_eq("");
}

#[test]
fn a_check_of_a_name_that_is_nowhere_fails() {
    let place = Place::with(&[("foldhash@0.2.90", "")]);
    place.project("user", "foldhash = \"0.2\"\n", &["foldhash@0.2.90", USER]);
    place
        .command("user", &["fork", "--write"])
        .assert()
        .success();
    place
        .command("user", &["fork", "--check", "tokoi"])
        .assert()
        .code(1)
        .stdout_eq("tokoi is not forked, and Cargo.lock does not hold it\n");
    // What can be forked is: by the command that is given.
    place
        .command("user", &["fork", "--check", "foldhash", "--out", "other"])
        .assert()
        .code(1)
        .stdout_eq(str![[r#"
...
foldhash 0.2.90 is not forked
run `cargo tls-slots fork foldhash --out other --write`

"#]]);
}

#[test]
fn a_check_gives_no_advice_that_does_not_help() {
    let place = Place::with(&[
        ("foldhash@0.2.90", ""),
        ("crossbeam-utils@0.8.90", NEW_STATE),
    ]);
    let locked = ["foldhash@0.2.90", "crossbeam-utils@0.8.90", USER];
    place.project("user", "foldhash = \"0.2\"\n", &locked);
    place
        .command("user", &["fork", "--write"])
        .assert()
        .success();
    place
        .command("user", &["fork", "--check", "--strict"])
        .assert()
        .code(1)
        .stdout_eq(str![[r#"
the recipe for crossbeam-utils does not fit crossbeam-utils 0.8.90:
  src/lib.rs:3: `static NEW` is new: the recipe does not say whether images share it
  [..] fits: [..]

"#]]);
}

#[test]
fn a_workspace_that_cargo_does_not_find_is_told_in_its_words() {
    let place = Place::with(&[("foldhash@0.2.90", "")]);
    place.write("broken/Cargo.toml", "[package\n");
    place.write("outer/Cargo.toml", "[workspace]\nmembers = []\n");
    place.package("outer/inner", "inner", "0.0.0", "", "");
    std::fs::create_dir(place.path("latin")).unwrap();
    std::fs::write(place.path("latin/Cargo.toml"), b"# \xe4\n[package]\n").unwrap();
    for (folder, says) in [
        ("broken", "Cargo.toml:1:9"),
        ("outer/inner", "believes it's in a workspace when it's not"),
        ("latin", "not valid utf-8"),
    ] {
        for flag in ["--write", "--check"] {
            place
                .command(folder, &["fork", flag])
                .assert()
                .code(1)
                .stdout_eq("")
                .stderr_eq(format!(
                    "error: cargo cannot find the workspace; it says:\n...\n[..]{says}[..]\n..."
                ));
        }
    }
}

#[test]
fn all_members_of_a_workspace_have_one_folder() {
    let place = Place::with(&[("foldhash@0.2.90", "")]);
    place.project("user", "foldhash = \"0.2\"\n", &["foldhash@0.2.90", USER]);
    let text = place.read("user/Cargo.toml");
    let text = text.replace("[workspace]", "[workspace]\nmembers = [\"member\"]");
    place.write("user/Cargo.toml", &text);
    place.package("user/member", "member", "0.0.0", "", "");
    let fork = |args: &[&str]| place.command("user/member", &[&["fork"], args].concat());
    fork(&[]).assert().success();
    assert!(place.has("user/tls-slots-forks/foldhash-0.2.90"));
    assert!(!place.has("user/member/tls-slots-forks"));
    fork(&["--write"]).assert().success();
    fork(&["--check"]).assert().success().stdout_eq("");
}

#[test]
fn line_ends_and_a_mark_of_a_cargo_toml_stay() {
    let place = Place::with(&[("foldhash@0.2.90", "")]);
    place.project("user", "foldhash = \"0.2\"\n", &["foldhash@0.2.90", USER]);
    let text = format!("\u{feff}{}", place.read("user/Cargo.toml"));
    let text = text.replace('\n', "\r\n");
    place.write("user/Cargo.toml", &text);
    let write = ["fork", "--write"];
    place.command("user", &write).assert().success();
    let line = "foldhash = { path = \"tls-slots-forks/foldhash-0.2.90\" }";
    let expected = format!("{text}\r\n[patch.crates-io]\r\n{line}\r\n");
    assert_eq!(place.read("user/Cargo.toml"), expected);
}

#[test]
fn projects_agree_on_a_crate_without_state() {
    let place = Place::with(&[("value@1.0.0", "pub struct Value(pub u8);\n")]);
    for project in ["host", "module"] {
        place.project(project, "value = \"1\"\n", &[]);
    }
    let arguments = [
        "agree",
        "value",
        "--manifest-path",
        "host/Cargo.toml",
        "--manifest-path",
        "module/Cargo.toml",
    ];
    place.command("", &arguments).assert().success();
    let line = "\n[patch.crates-io]\nvalue = { path = \"tls-slots-forks/value-1.0.0\" }\n";
    for project in ["host", "module"] {
        assert!(place.read(&format!("{project}/Cargo.toml")).ends_with(line));
        let record = format!("{project}/tls-slots-forks/value-1.0.0/src/tls_slots_manifest.rs");
        assert!(place.read(&record).contains("name: \"value\""));
    }
}
