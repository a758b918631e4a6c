//! `check` and `inspect`: what they say of hosts, modules, and of files that are neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use cargo_tls_slots::{check, inspect};
use serde_json::{Value, json};
use snapbox::str;
use tls_slots_tests::project::Project;

use common::command;

#[path = "../common/mod.rs"]
mod common;

mod action;
mod schema;

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

/// A folder with a host and modules of it, made once: `host`, `fits.so`, `sync.so` with one feature
/// more.
fn images() -> &'static Path {
    static IMAGES: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check");
        fs::create_dir_all(&folder).unwrap();
        let build = |fixture: &str, features: &str, name: &str| {
            let built = Project::new(fixture).features(features).built();
            fs::copy(built, folder.join(name)).unwrap();
        };
        build("compat_host", "tokio", "host");
        build("compat_module", "tokio", "fits.so");
        build("compat_module", "tokio tokio/sync", "sync.so");
        folder
    });
    &IMAGES
}

/// As `fits.so`, with all of these bytes replaced.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn changed(name: &str, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(images().join("fits.so")).unwrap();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..][..to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "{name}");
    fs::write(images().join(name), bytes).unwrap();
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn modules_that_fit_and_modules_that_do_not() {
    let folder = images();
    command(folder)
        .args(["check", "host", "fits.so"])
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq(str![[r#"
fits       fits.so

"#]]);
    command(folder)
        .args(["check", "host", "fits.so", "sync.so"])
        .assert()
        .code(1)
        .stderr_eq("")
        .stdout_eq(str![[r#"
fits       fits.so
refused    sync.so
  the module does not fit its host in 1 point:
    what                   host  module
    tokio: feature `sync`  off   on
  Enable the feature `sync` of tokio in the host, or disable it in the module.

"#]]);
    changed("abi.so", b"tls_slots_manifest_v1", b"tls_slots_manifest_v2");
    changed("damaged.so", b"\xA7tlsrec\n", b"\xA7tlsREC\n");
    changed("rustc.so", b"rustc 1.", b"rustc 0.");
    // `e_machine`, after what every ELF file of this system begins with.
    changed(
        "machine.so",
        b"\x03\0\x3e\0\x01\0\0\0",
        b"\x03\0\xb7\0\x01\0\0\0",
    );
    let length = fs::metadata(folder.join("fits.so")).unwrap().len();
    fs::copy(folder.join("fits.so"), folder.join("half.so")).unwrap();
    let half = fs::File::options().write(true).open(folder.join("half.so"));
    half.unwrap().set_len(length / 2).unwrap();
    // One that cannot be read is more than one that does not fit.
    command(folder)
        .args([
            "check",
            "host",
            "abi.so",
            "damaged.so",
            "fits.so",
            "half.so",
            "host",
            "machine.so",
            "missing.so",
            "rustc.so",
        ])
        .assert()
        .code(2)
        .stderr_eq("")
        .stdout_eq(str![[r#"
refused    abi.so
  the file was built for version 2 of the interface between host and module, and this is version 1; build both with the same version of tls-slots
unreadable damaged.so
  the file's manifest cannot be read; build the file again: there is no record at byte 0 of the manifest
fits       fits.so
unreadable half.so
  the file is truncated or corrupt: Invalid ELF section header offset/size/alignment
refused    host
  it contains the host's half, as it defines `tls_slots_register_v1`; take `tls-slots` out of its dependencies (under `[dev-dependencies]` it does no harm)
refused    machine.so
  the host is built for ELF x86_64 and the module for ELF aarch64; build the module for the host's target
unreadable missing.so
  cannot read missing.so: No such file or directory (os error 2)
refused    rustc.so
  the module does not fit its host in 1 point:
    what      host[..] module
    compiler  rustc 1.[..]  rustc 0.[..]
  Build both with the same compiler.

"#]]);
    // The host comes first.
    command(folder)
        .args(["check", "fits.so", "host"])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: fits.so is no host: it does not export tls_slots_register_v1; name the host first and its modules after it, and have the host link `tls-slots` and call `tls_slots_build::host()` in its build.rs

"#]]);
}

#[test]
fn for_programs() {
    let folder = images();
    let checked = command(folder)
        .args(["check", "host", "fits.so", "sync.so", "--format", "json"])
        .assert()
        .code(1)
        .stderr_eq("");
    let report: Value = serde_json::from_slice(&checked.get_output().stdout).unwrap();
    let reason = "the module does not fit its host in 1 point:\n  \
                  what                   host  module\n  \
                  tokio: feature `sync`  off   on\n\
                  Enable the feature `sync` of tokio in the host, or disable it in the module.";
    let expected = json!({
        "schema": 1,
        "host": "host",
        "fits": false,
        "modules": [
            { "file": "fits.so", "status": "fits", "reason": null, "differences": [] },
            {
                "file": "sync.so",
                "status": "refused",
                "reason": reason,
                "differences": [{
                    "what": "tokio: feature `sync`",
                    "host": "off",
                    "module": "on",
                    "fix": "Enable the feature `sync` of tokio in the host, or disable it in the module.",
                }],
            },
        ],
    });
    assert_eq!(report, expected);
    let inspected = command(folder)
        .args(["inspect", "sync.so", "--format", "json"])
        .assert()
        .code(0)
        .stderr_eq("");
    let image: Value = serde_json::from_slice(&inspected.get_output().stdout).unwrap();
    assert_eq!(image["file"], "sync.so");
    assert_eq!(image["exports_host"], false);
    assert_eq!(image["compiler"]["panic"], "unwind");
    let one = |list: &str, name: &str| {
        let of_name = |one: &&Value| one["name"] == name;
        image[list]
            .as_array()
            .unwrap()
            .iter()
            .find(of_name)
            .cloned()
    };
    let tokio = one("crates", "tokio").unwrap();
    let features = tokio["features"].as_array().unwrap();
    let sync = features.iter().find(|one| one["name"] == "sync").unwrap();
    assert_eq!(sync["enabled"], true);
    let key = one("keys", "CONTEXT").unwrap();
    assert_eq!(
        (&key["kind"], &key["package"]),
        (&"thread-local".into(), &"tokio".into())
    );
    let host = inspect::read(&folder.join("host")).unwrap().json();
    assert_eq!(host["exports_host"], true);
    assert_eq!(host["compiler"], image["compiler"]);
}

#[test]
fn for_people() {
    command(images())
        .args(["inspect", "fits.so"])
        .assert()
        .code(0)
        .stderr_eq("")
        .stdout_eq(str![[r#"
fits.so
  file              ELF [..], a module
  ABI               1
  compiler          rustc [..]
  commit            [..]
  target            [..]
  std               its own
  panic             unwind
  debug assertions  on
  order of fields   [..]
  flags             none
  allocator         [..]

tokio 1.54.1
  checksum          [..]
  sources           [..]
  features          external-tls, net, rt, time
  cfgs              debug_assertions
  dependencies      mio 1.2.4, socket2 0.6.5
  type                     size  align  fields
...
  crate::runtime::Handle      8      8  [..]
...

keys
  key                                                                                       size  align  type
  thread-local compat-module 0.1.0: compat_module::PRIVATE                                     4      4  Cell<u32>
  thread-local keys-iface 0.1.0: keys_iface::CELL                                              4      4  Cell<u32>
...
  thread-local tokio 1.54.1: tokio::runtime::context::CONTEXT[..]  Context
...

"#]]);
}

/// What this thread has read so far.
#[cfg(target_os = "linux")]
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

/// Files of three gigabytes: what a header says of them does not count. Before, a table that claims
/// to be that large was read into memory.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn huge_files() {
    const SIZE: u64 = 3 << 30;
    let folder = images();
    let host = folder.join("host");
    let module = fs::read(folder.join("fits.so")).unwrap();
    let huge = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(SIZE).unwrap();
        path
    };
    // A module in which that section goes on to the end of the file.
    let claims = |section: &str| {
        use object::{Object as _, ObjectSection as _};
        let file = object::File::parse(&*module).unwrap();
        let (offset, _) = file.section_by_name(section).unwrap().file_range().unwrap();
        let index = file.section_by_name(section).unwrap().index().0 as u64;
        let table = u64::from_le_bytes(module[40..48].try_into().unwrap());
        let mut content = module.clone();
        // `Elf64_Shdr` has 64 bytes, and the size is at byte 32.
        let at = (table + 64 * index + 32) as usize;
        // A multiple of a symbol's size.
        let size = (SIZE - offset) / 24 * 24;
        content[at..at + 8].copy_from_slice(&size.to_le_bytes());
        huge(&format!("claims{section}.so"), &content)
    };
    // The host is read as well.
    let before = bytes_read();
    check::check(&host, &[&host]).unwrap();
    let most = bytes_read() - before + (1 << 20);
    for (path, words) in [
        (huge("zeroes.so", b""), "is no ELF, Mach-O or PE file"),
        (huge("tail.so", &module), ""),
        (claims("tls_slots_manifest_v1"), "truncated or corrupt"),
        (claims(".dynsym"), "truncated or corrupt"),
        (claims(".symtab"), "truncated or corrupt"),
        // Whether it has state of its own is then not known.
        (claims(".rodata"), ""),
    ] {
        let before = bytes_read();
        let report = check::check(&host, &[&path]).unwrap();
        let read = bytes_read() - before;
        assert!(read < most, "{}: {read} bytes were read", path.display());
        let reason = report.modules[0].verdict.reason();
        match words {
            "" => assert_eq!(reason, None),
            words => assert!(reason.as_ref().unwrap().contains(words), "{reason:?}"),
        }
        fs::remove_file(path).unwrap();
    }
}

/// A module of a hundred megabytes is not read: only its tables and its manifest are.
#[test]
#[cfg(target_os = "linux")]
fn large_modules() {
    let folder = images();
    let (text, large) = (folder.join("text"), folder.join("large.so"));
    fs::File::create(&text).unwrap().set_len(100 << 20).unwrap();
    let mut section = std::ffi::OsString::from(".rodata.more=");
    section.push(&text);
    let made = std::process::Command::new("objcopy")
        .arg("--add-section")
        .arg(section)
        .arg(folder.join("fits.so"))
        .arg(&large)
        .status();
    assert!(made.unwrap().success());
    assert!(fs::metadata(&large).unwrap().len() > 100 << 20);

    let (before, begin) = (bytes_read(), Instant::now());
    let report = check::check(&folder.join("host"), &[&large]).unwrap();
    let (took, read) = (begin.elapsed(), bytes_read() - before);
    assert_eq!(report.status(), 0, "{}", report.render());
    assert!(read < 2 << 20, "{read} bytes were read");
    eprintln!("read {read} bytes in {took:?}");
    for file in [&text, &large] {
        fs::remove_file(file).unwrap();
    }
}
