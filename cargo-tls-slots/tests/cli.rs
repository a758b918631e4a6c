//! What the command prints and how it fails, without a network.

use std::fs;
use std::path::Path;
use std::time::Duration;

use snapbox::cmd::Command;
use snapbox::str;

use common::command;

mod common;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn help() {
    let folder = folder();
    command(folder.path())
        .arg("--help")
        .assert()
        .success()
        .stdout_eq(str![[r#"
One tokio runtime across a program (the host) and the shared libraries that it loads (modules).

Host and modules are built apart and share no crate, so each would have a tokio of its own. `fork`
makes the tokio that uses the host's state instead, from the release that cargo gets and a recipe
that this command carries. `build` builds projects with it, without a change to their Cargo.toml.
`check` tells from the built files whether modules fit their host.

Usage: cargo tls-slots <COMMAND>

Commands:
  fork         Make the forked crates, and print the patch lines for them
  agree        Have host and modules compare the crates whose types cross between them
  build        Build hosts and modules, each by a cargo of its own, with the patches in place
  watch        Build modules again whenever their sources change
  check        Compare modules with the host that is to load them
  inspect      Print what a host or module says about itself
  audit        Say what state a host or module has, and what of it is not shared
  conformance  Run tokio's own tests on the fork
  releases     Try upstream's releases: which of them the recipes fit
  help         Print this message or the help of the given subcommand(s)

Options:
  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Examples:
  cargo tls-slots fork --write        fork tokio, and patch this project to it
  cargo tls-slots build --manifest-path host/Cargo.toml --manifest-path module/Cargo.toml
  cargo tls-slots check host/target/debug/host module/target/debug/libmodule.so

"#]]);
    command(folder.path())
        .args(["fork", "--help"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
Make the forked crates, and print the patch lines for them

Gets the upstream release through cargo, so mirrors, vendored sources and checksums are those of any
dependency. Applies the recipe to it, lays our own files over it, and writes ordinary crates: one
folder for each release, side by side.

A release that the recipe does not fit, or that has state which the recipe says nothing about, is
left as published, and listed with file, line and what helps. So is a crate of your own or from a
repository. tokio, and a crate that was named, is an error instead.

A crate that there is no recipe for is forked by rule: every static and thread-local that is state
is shared. What became of each is said, and kept in the fork as tls-slots-report.toml.

A folder that is up to date is left alone, without any network; one that is not gets only the files
that differ. A folder that this command did not make is never touched.

Usage: cargo tls-slots fork [OPTIONS] [NAME[@VERSION]]...

Arguments:
  [NAME[@VERSION]]...
          What to fork, as NAME or NAME@VERSION [default: the crates of the lock file that there are
          recipes for]
          
          Without a version: all releases of the lock file, or else the one that Cargo.toml asks
          for, or else the one the recipe was made with. A crate without a recipe is forked as well:
          all of its state is shared, and what is not is named.

Options:
      --out <DIR>
          The folder that the forks go to [default: the one that the workspace is patched to, or
          tls-slots-forks at its root]

      --lockfile <FILE>
          Take versions from this lock file instead of the current workspace's

      --manifest-path <FILE>
          The project whose workspace is meant, instead of the current folder's

      --write [<FILE>]
          Put the patch lines into a Cargo.toml [default: the workspace's own]
          
          The paths are relative to that file; what else the file holds stays as it is.

      --force
          With --write: replace patches of these crates that are not of this command

      --pin <NAME@VERSION>
          Move a dependency of the forks to this version
          
          The forks depend on one version each of some packages. Without this, that is the version
          of the lock file, so `cargo update` alone cannot move it. Says how the lock file follows.
          Can be given several times.

      --strict
          Fail if any crate is left as published, not only if one was named or is tokio

      --check
          Change nothing; say what is out of step between lock file, patch lines and forks
          
          Needs no network and reads no sources, so it is quick enough for a build script. Exits
          with 1 if there is anything to say.

      --offline
          Use only what is on this machine

  -q, --quiet
          Say nothing but the result

  -h, --help
          Print help (see a summary with '-h')

Examples:
  cargo tls-slots fork
      the crates of this project's Cargo.lock that there are recipes for, into tls-slots-forks/
  cargo tls-slots fork tokio@1.47.5 --out forks
      this very version, into forks/
  cargo tls-slots fork env_logger ctrlc
      these two, for which there is no recipe
  cargo tls-slots fork --write
      also put the patch lines into this workspace's Cargo.toml
  cargo tls-slots fork --check
      in CI: is all of that done?
  cargo tls-slots fork --offline --lockfile ../host/Cargo.lock
      the version that another project uses, from what is on this machine

"#]]);
    command(folder.path())
        .args(["build", "--help"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
Build hosts and modules, each by a cargo of its own, with the patches in place

Makes the forks first if need be, in the version of tokio that the projects' lock files hold. Each
project is built in its own target folder and with its own lock file. Prints the programs and shared
libraries that were made, one path on a line.

Usage: cargo tls-slots build [OPTIONS] [-- <CARGO ARGS>...]

Arguments:
  [CARGO ARGS]...
          More arguments for each `cargo build`

Options:
      --manifest-path <FILE>
          A project to build; can be given again [default: ./Cargo.toml]

  -r, --release
          Build with optimisations

      --fork-dir <DIR>
          The folder of the forks
          
          [default: tls-slots-forks]

      --offline
          Use only what is on this machine

  -q, --quiet
          Say nothing but the result

  -h, --help
          Print help (see a summary with '-h')

Examples:
  cargo tls-slots build
      the project in the current folder
  cargo tls-slots build --release --manifest-path host --manifest-path modules/a
      a host and a module, optimised
  cargo tls-slots build -- --features extra
      with more arguments for cargo

"#]]);
}

#[test]
fn runs_with_and_without_cargo_before_it() {
    let folder = folder();
    Command::new(snapbox::cmd::cargo_bin!("cargo-tls-slots"))
        .arg("--version")
        .current_dir(folder.path())
        .timeout(Duration::from_secs(120))
        .assert()
        .success();
    command(folder.path()).arg("--version").assert().success();
}

#[test]
fn no_subcommand() {
    command(folder().path()).assert().code(2);
}

#[test]
fn an_unknown_crate() {
    let folder = folder();
    command(folder.path())
        .args(["fork", "tls-slots-no-such-crate", "--offline"])
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
getting tls-slots-no-such-crate
error: cannot find tls-slots-no-such-crate on this machine; run once without --offline, or vendor it
  because: cargo says:
...
"#]]);
    assert!(!folder.path().join("tls-slots-forks").exists());
}

#[test]
fn a_version_that_is_none() {
    command(folder().path())
        .args(["fork", "tokio@1.54", "--offline"])
        .assert()
        .code(2)
        .stderr_eq(str![[r#"
error: invalid value 'tokio@1.54' for '[NAME[@VERSION]]...': `1.54` is no exact version such as 1.54.1 (unexpected end of input while parsing minor version number)

For more information, try '--help'.

"#]]);
}

#[test]
fn a_version_that_is_not_supported() {
    command(folder().path())
        .args(["fork", "tokio@1.37.0", "--offline"])
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
error: tokio 1.37.0 is too old: the recipe for tokio is meant for 1.[..].0 and later
  1.[..] fits

"#]]);
}

#[test]
fn a_folder_that_is_not_ours() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("forks/tokio-1.54.1")).unwrap();
    fs::write(folder.path().join("forks/tokio-1.54.1/mine.rs"), "mine").unwrap();
    command(folder.path())
        .args(["fork", "tokio@1.54.1", "--offline", "--out", "forks"])
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
error: [FOLDER]/forks/tokio-1.54.1 is not a fork of ours (it has no .tls-slots-fork.toml) and is not empty; move it away, or choose another folder with --out

"#]]);
    // Nothing beside it either.
    assert_eq!(
        fs::read_dir(folder.path().join("forks")).unwrap().count(),
        1
    );
    assert_eq!(
        fs::read_dir(folder.path().join("forks/tokio-1.54.1"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn offline_without_the_release() {
    let folder = folder();
    let home = folder.path().join("empty-home");
    command(folder.path())
        .env("CARGO_HOME", home)
        .args(["fork", "tokio@1.54.1", "--offline"])
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
getting tokio 1.54.1 and tokio-macros 2.7.2
error: cannot find tokio 1.54.1 and tokio-macros 2.7.2 on this machine; run once without --offline, or vendor it
  because: cargo says:
  error: no matching package named `tokio-macros` found
...

"#]]);
}

/// A folder whose cargo configuration is `text`.
fn configured(text: &str) -> tempfile::TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    fs::write(folder.path().join(".cargo/config.toml"), text).unwrap();
    folder
}

#[test]
fn without_a_network() {
    // Port 1 of this machine refuses.
    let folder = configured(
        "net.retry = 0\n[source.crates-io]\nreplace-with = 'mirror'\n\
         [source.mirror]\nregistry = 'sparse+http://127.0.0.1:1/'\n",
    );
    command(folder.path())
        .env("CARGO_HOME", folder.path().join("empty-home"))
        .env_remove("CARGO_NET_OFFLINE")
        .arg("fork")
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
getting tokio 1.54.1 and tokio-macros 2.7.2
error: cannot download tokio 1.54.1 and tokio-macros 2.7.2; check the network, or use --offline if it was downloaded before
  because: cargo says:
...

"#]]);
    assert!(!folder.path().join("tls-slots-forks").exists());
}

#[test]
fn a_release_that_does_not_exist() {
    let folder = configured(
        "[source.crates-io]\nreplace-with = 'vendored'\n[source.vendored]\ndirectory = 'vendor'\n",
    );
    fs::create_dir(folder.path().join("vendor")).unwrap();
    command(folder.path())
        .env("CARGO_HOME", folder.path().join("empty-home"))
        .args(["fork", "tokio@1.54.99"])
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
getting tokio 1.54.99
error: the registry has no tokio 1.54.99; name a release that exists, as in `tokio@1.54.1`
  because: cargo says:
  error: no matching package named `tokio` found
  location searched: directory source `[FOLDER]/vendor` (which is replacing registry `crates-io`)
  required by package `tls-slots-fork v0.0.0 ([..])`

"#]]);
}

#[test]
fn write_without_a_manifest() {
    let folder = folder();
    command(folder.path())
        .args(["fork", "--offline", "--write"])
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
error: there is no Cargo.toml around the current folder; name one after --write

"#]]);
    assert!(!folder.path().join("tls-slots-forks").exists());
}

#[test]
fn build_without_a_project() {
    command(folder().path())
        .args(["build", "--offline"])
        .assert()
        .code(1)
        .stderr_eq(str![[r#"
error: there is no project at Cargo.toml

"#]]);
}

#[test]
fn build_of_projects_that_disagree() {
    let folder = folder();
    for (name, version) in [("host", "1.54.1"), ("module", "1.53.3")] {
        let project = folder.path().join(name);
        fs::create_dir_all(project.join("src")).unwrap();
        fs::write(project.join("src/lib.rs"), "").unwrap();
        fs::write(
            project.join("Cargo.toml"),
            format!("[package]\nname = \"{name}\"\n[workspace]\n[dependencies]\ntokio = \"1\"\n"),
        )
        .unwrap();
        fs::write(
            project.join("Cargo.lock"),
            format!("version = 4\n[[package]]\nname = \"tokio\"\nversion = \"{version}\"\n"),
        )
        .unwrap();
    }
    command(folder.path())
        .args(["build", "--offline", "--manifest-path", "host/Cargo.toml"])
        .args(["--manifest-path", "module"])
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: host/Cargo.toml has tokio 1.54.1 in its Cargo.lock, but module/Cargo.toml has 1.53.3; a host and its modules need the same: run `cargo update -p tokio@1.53.3 --precise 1.54.1` for the second

"#]]);
}

/// A folder with a vendored tokio-macros 2.7.99, a release that nobody has tried.
fn untried(source: &str) -> tempfile::TempDir {
    let folder = configured(
        "[source.crates-io]\nreplace-with = 'vendored'\n[source.vendored]\ndirectory = 'vendor'\n",
    );
    let package = folder.path().join("vendor/tokio-macros");
    fs::create_dir_all(package.join("src")).unwrap();
    let manifest = "[package]\nname = \"tokio-macros\"\nversion = \"2.7.99\"\nedition = \"2021\"\n\
                    [lib]\nproc-macro = true\n";
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::write(package.join("src/lib.rs"), source).unwrap();
    let checksum = "1".repeat(64);
    let sums = format!("{{\"files\":{{}},\"package\":\"{checksum}\"}}");
    fs::write(package.join(".cargo-checksum.json"), sums).unwrap();
    folder
}

fn fork_untried(folder: &Path) -> Command {
    command(folder)
        .env("CARGO_HOME", folder.join("empty-home"))
        .args(["fork", "tokio-macros@2.7.99", "--offline", "--out", "forks"])
}

#[test]
fn an_untried_release_is_forked_if_the_recipe_fits() {
    let source = "//! Upstream.\r\n\r\nfn  f( ) { }\n";
    let folder = untried(source);
    let lines = str![[r#"
[patch.crates-io]
tokio-macros = { path = "[FOLDER]/forks/tokio-macros-2.7.99" }

"#]];
    fork_untried(folder.path())
        .assert()
        .success()
        .stdout_eq(lines.clone())
        .stderr_eq(str![[r#"
getting tokio-macros 2.7.99
forking tokio-macros 2.7.99
forked tokio-macros 2.7.99

"#]]);
    let forked = folder.path().join("forks/tokio-macros-2.7.99");
    let text = fs::read_to_string(forked.join("src/lib.rs")).unwrap();
    assert!(text.starts_with(source) && text.contains("pub fn module("));
    assert!(forked.join("src/module.rs").is_file());

    // Now nothing is left to do, and nothing is said but the result, not even with upstream gone.
    fs::remove_dir_all(folder.path().join("vendor")).unwrap();
    fork_untried(folder.path())
        .assert()
        .success()
        .stdout_eq(lines)
        .stderr_eq("");
}

#[test]
fn a_release_with_new_state_is_refused_by_name() {
    let folder =
        untried("//! Upstream.\n\nfn f() {\n    static NEW: Mutex<u8> = Mutex::new(1);\n}\n");
    fork_untried(folder.path())
        .assert()
        .code(1)
        .stdout_eq("")
        .stderr_eq(str![[r#"
getting tokio-macros 2.7.99
forking tokio-macros 2.7.99
error: the recipe for tokio-macros does not fit tokio-macros 2.7.99:
  src/lib.rs:4: `static NEW` is new: the recipe does not say whether images share it
  2.7.2 fits

"#]]);
    assert!(!folder.path().join("forks").exists());
}

#[test]
fn an_interrupted_run_is_repaired() {
    let folder = untried("//! Upstream.\n");
    let forked = folder.path().join("forks/tokio-macros-2.7.99");
    fork_untried(folder.path()).assert().success();
    let good = fs::read(forked.join("src/lib.rs")).unwrap();
    // As a run leaves it that is killed in the middle of an update, with another one's
    // temporary folder beside it.
    let stamp = forked.join(".tls-slots-fork.toml");
    let text = fs::read_to_string(&stamp).unwrap();
    fs::write(&stamp, text.replace("\"complete\"", "\"incomplete\"")).unwrap();
    fs::write(forked.join("src/lib.rs"), "half").unwrap();
    let left = folder
        .path()
        .join("forks/.tls-slots-new-tokio-macros-2.7.99");
    fs::create_dir(&left).unwrap();
    fs::write(left.join(".tls-slots-fork.toml"), "").unwrap();

    fork_untried(folder.path()).assert().success();
    assert_eq!(fs::read(forked.join("src/lib.rs")).unwrap(), good);
    assert!(!left.exists());
    assert!(fs::read_to_string(&stamp).unwrap().contains("\"complete\""));
}

#[test]
fn write_puts_the_lines_into_a_manifest_once() {
    let folder = untried("//! Upstream.\n");
    fs::create_dir(folder.path().join("user")).unwrap();
    let manifest = folder.path().join("user/Cargo.toml");
    fs::write(&manifest, "[package]\nname = \"user\" # mine\n").unwrap();
    let write = || fork_untried(folder.path()).args(["--write", "user/Cargo.toml"]);
    write().assert().success();
    let once = fs::read_to_string(&manifest).unwrap();
    assert_eq!(
        once,
        "[package]\nname = \"user\" # mine\n\n[patch.crates-io]\n\
         tokio-macros = { path = \"../forks/tokio-macros-2.7.99\" }\n"
    );
    write().assert().success().stderr_eq(str![[r#"
user/Cargo.toml has the patches already

"#]]);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), once);

    fs::write(&manifest, "no toml").unwrap();
    write().assert().code(1).stderr_eq(str![[r#"
error: user/Cargo.toml is no TOML: key with no value, expected `=`

"#]]);
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let folder = untried("//! Upstream.\n");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fork_untried(folder.path()).assert().success());
        }
    });
    fork_untried(folder.path()).assert().success().stderr_eq("");
}

#[test]
fn a_suite_that_is_none() {
    let folder = folder();
    command(folder.path())
        .args(["conformance", "--suite", "benches"])
        .assert()
        .failure()
        .stderr_eq(str![[r#"
error: invalid value 'benches' for '--suite <SUITES>'
  [possible values: integration, lib, doc, unstable, loom, stream, util]

For more information, try '--help'.

"#]]);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
