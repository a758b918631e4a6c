//! `check` and `inspect`: what they say of hosts, modules, and of files that are neither.

use std::fs;
use std::path::Path;
use std::time::Duration;

use snapbox::cmd::Command;
use snapbox::{Redactions, str};

/// The command, in `folder`, as `cargo tls-slots` runs it.
fn command(folder: &Path) -> Command {
    let mut redactions = Redactions::new();
    let whole = folder.canonicalize().unwrap();
    redactions.insert("[FOLDER]", whole).unwrap();
    Command::new(snapbox::cmd::cargo_bin!("cargo-tls-slots"))
        .with_assert(
            snapbox::Assert::new()
                .action_env("SNAPSHOTS")
                .redact_with(redactions),
        )
        .arg("tls-slots")
        .current_dir(folder)
        .env("COLUMNS", "100")
        // A pipe that nobody writes to must not keep it.
        .timeout(Duration::from_secs(60))
}

#[test]
fn help() {
    let folder = tempfile::tempdir().unwrap();
    command(folder.path())
        .args(["check", "--help"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
Compare modules with the host that is to load them

Reads what host and modules say about themselves (compiler, profile, forked crates with their
versions, features and cfgs, shared keys) and compares it as the host's loader would, without
loading anything. Files of another architecture can be compared as well.

Usage: cargo tls-slots check [OPTIONS] <HOST> <MODULE>...

Arguments:
  <HOST>
          The program that is to load the modules

  <MODULE>...
          The modules

Options:
      --format <FORMAT>
          How the result is written

          Possible values:
          - table: For a person
          - json:  For a program
          
          [default: table]

  -h, --help
          Print help (see a summary with '-h')

Exit status:
  0  every module fits
  1  a module does not fit: build it as the text says
  2  a file cannot be read, or is no host or no module

Examples:
  cargo tls-slots check host/target/debug/host module/target/debug/libmodule.so
      a host and a module, as they were built
  cargo tls-slots check host modules/*.so --format json
      for a program: a status, a reason and a list of differences for each module

"#]]);
    command(folder.path())
        .args(["inspect", "--help"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
Print what a host or module says about itself

Which compiler built it and how, which forked crates are in it, in which versions and with which
features and cfgs, and which thread-locals and statics it may share: all that `check` compares.
Nothing is loaded.

Usage: cargo tls-slots inspect [OPTIONS] <FILE>

Arguments:
  <FILE>
          The host or module

Options:
      --format <FORMAT>
          How the result is written

          Possible values:
          - table: For a person
          - json:  For a program
          
          [default: table]

  -h, --help
          Print help (see a summary with '-h')

Exit status:
  0  it is there
  2  the file cannot be read, or is no host and no module

Examples:
  cargo tls-slots inspect module/target/debug/libmodule.so
      for a person
  cargo tls-slots inspect host/target/debug/host --format json
      for a program

"#]]);
    // Somebody who forgets the module is told, and does not take it for "all fit".
    command(folder.path())
        .args(["check", "host"])
        .assert()
        .code(2);
}

/// Files that are neither: each has a sentence of its own, and the status that says "trouble".
#[test]
fn neither_host_nor_module() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(folder.path().join(name), content).unwrap();
    write("empty.so", b"");
    write("text.so", b"GROUP ( libc.so.6 )\n");
    write(
        "archive.a",
        b"!<arch>\nfoo.o/          0           0     0     644     4         `\n\0\0\0\0",
    );
    write("noise.so", &[0, 1, 2, 253, 254, 255].repeat(100));
    write("header.so", b"\x7fELF\x02\x01\x01\0");
    fs::create_dir(folder.path().join("folder.so")).unwrap();
    #[cfg(unix)]
    {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.path().join("pipe.so"))
            .status();
        assert!(made.unwrap().success());
    }
    let inspect = |name: &str| {
        command(folder.path())
            .args(["inspect", name])
            .assert()
            .code(2)
            .stdout_eq("")
    };
    inspect("missing.so").stderr_eq(str![[r#"
error: cannot read missing.so
  because: No such file or directory (os error 2)

"#]]);
    inspect("empty.so").stderr_eq(str![[r#"
error: empty.so is an empty file; a host is a program, and a module a shared library (`crate-type = ["cdylib"]`)

"#]]);
    inspect("text.so").stderr_eq(str![[r#"
error: text.so is a text file; a host is a program, and a module a shared library (`crate-type = ["cdylib"]`)

"#]]);
    inspect("archive.a").stderr_eq(str![[r#"
error: archive.a is a static library or an rlib; a host is a program, and a module a shared library (`crate-type = ["cdylib"]`)

"#]]);
    inspect("noise.so").stderr_eq(str![[r#"
error: noise.so is no ELF, Mach-O or PE file; a host is a program, and a module a shared library (`crate-type = ["cdylib"]`)

"#]]);
    inspect("header.so").stderr_eq(str![[r#"
error: header.so cannot be read as a host or module
  because: the file is truncated or corrupt: Could not read file magic

"#]]);
    inspect("folder.so").stderr_eq(str![[r#"
error: folder.so is a folder, and a host or module is a file

"#]]);
    #[cfg(unix)]
    inspect("pipe.so").stderr_eq(str![[r#"
error: pipe.so is a pipe, a socket or a device, and a host or module is a file

"#]]);
    // A program that knows nothing of us: this command itself.
    let own = snapbox::cmd::cargo_bin!("cargo-tls-slots");
    fs::copy(own, folder.path().join("program")).unwrap();
    inspect("program").stderr_eq(str![[r#"
error: program is not a host or module of ours: it has no manifest, so it was not built with a crate that `cargo tls-slots fork` made, or not with its feature `external-tls`

"#]]);
    // Without a host there is nothing to compare with.
    command(folder.path())
        .args(["check", "program", "empty.so"])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: program is not a host or module of ours: it has no manifest, so it was not built with a crate that `cargo tls-slots fork` made, or not with its feature `external-tls`

"#]]);
}
