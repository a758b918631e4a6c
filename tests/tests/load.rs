//! The loader, `tls_slots_load::Module::load`: what it takes, what it refuses and in which words,
//! what happens between the check and the opening, and what becomes of modules that are opened past
//! it.
//!
//! Every case is a process of its own, `fixtures/load_host`, that ends by itself whatever it is
//! given. Damaged and foreign files are made here, from real ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// Which file is built from `fixtures/load_module`.
#[derive(Clone, Copy, PartialEq)]
enum Build {
    /// A module that fits.
    First,
    /// Another build of it.
    Second,
    /// One with a key of another size.
    Wide,
    /// The first one with cargo's release profile, and so without debug assertions.
    Release,
    /// One that contains the host's half.
    Host,
    /// A shared object of Rust's that is no module.
    Plain,
}

impl Build {
    fn file(self) -> PathBuf {
        let module = Project::new("load_module");
        match self {
            Self::First => module,
            Self::Second => module.features("second"),
            Self::Wide => module.features("wide"),
            Self::Release => module.release(true),
            Self::Host => module.features("host"),
            Self::Plain => module.no_default_features(),
        }
        .built()
    }
}

fn host() -> PathBuf {
    Project::new("load_host").built()
}

/// A process with a temporary folder of its own, in which it leaves nothing.
#[track_caller]
fn run(host: &Path, case: &str, files: &[&Path]) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(host);
    command.arg(case).args(files).env("TMPDIR", folder.path());
    let ended = process::run(&mut command, DEADLINE);
    ended.assert_ok();
    let left = fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(
        left, 0,
        "something is left in the temporary folder\n{ended}"
    );
    ended
}

/// What the host printed after a word, one for each line that begins with it.
fn after<'a>(ended: &'a Ended, word: &str) -> Vec<&'a str> {
    let lines = ended.stdout.lines();
    lines.filter_map(|line| line.strip_prefix(word)).collect()
}

/// A folder for files that are made from others.
struct Made(tempfile::TempDir);

impl Made {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("a folder of ours");
        path
    }
}

/// The only place of some bytes.
#[track_caller]
fn find(bytes: &[u8], part: &[u8]) -> usize {
    let mut places = (0..=bytes.len() - part.len()).filter(|at| bytes[*at..].starts_with(part));
    let place = places.next().expect("it is there");
    assert_eq!(places.next(), None, "it is there twice");
    place
}

#[test]
fn a_module_that_fits_is_loaded() {
    run(&host(), "uses", &[&Build::First.file()]);
}

/// Everything that can be wrong with a file, and how that is said.
#[test]
fn a_file_that_cannot_be_a_module_is_told_by_its_kind() {
    let module = fs::read(Build::First.file()).expect("a module");
    let made = Made::new();
    let damaged = |name: &str, at: usize, byte: u8| {
        let mut bytes = module.clone();
        bytes[at] = byte;
        made.file(name, &bytes)
    };
    let mut table: Vec<(PathBuf, &str, &str)> = vec![
        (
            made.0.path().join("missing.so"),
            "NotFound",
            "there is no module ",
        ),
        (
            made.0.path().join("missing/module.so"),
            "NotFound",
            "there is no module ",
        ),
        (
            made.0.path().to_owned(),
            "NotAFile",
            " is a folder, not a module's file",
        ),
        ("/dev/null".into(), "NotAFile", " is a device, not "),
        (made.file("empty.so", b""), "NotShared", " is empty, and "),
        (
            made.file("script.so", b"#!/bin/sh\nexit 1\n"),
            "NotShared",
            " is a script, and a module is a shared object",
        ),
        (
            made.file("text.so", b"not a module\n"),
            "NotShared",
            " is text, and ",
        ),
        (
            made.file(
                "windows.so",
                &[
                    &b"MZ"[..],
                    &[0; 58],
                    &[64, 0, 0, 0],
                    b"PE\0\0d\x86",
                    &[0; 14],
                    &[240, 0, 0, 0, 0x0b, 2],
                    &[0; 300],
                ]
                .concat(),
            ),
            "NotShared",
            " is a PE file, as Windows has them, and ",
        ),
        (
            made.file(
                "macos.so",
                &[&[0xcf, 0xfa, 0xed, 0xfe][..], &[0; 60]].concat(),
            ),
            "NotShared",
            " is a Mach-O file, as macOS has them, and ",
        ),
        (host(), "NotShared", " is an executable, and "),
        (
            damaged("object.o", 16, 1),
            "NotShared",
            " is an object file, not linked yet, and ",
        ),
        (damaged("core", 16, 4), "NotShared", " is a core dump, and "),
        (
            damaged("aarch64.so", 18, 0xb7),
            "Architecture",
            " was built for aarch64 and this host for x86_64; ",
        ),
        (
            made.file("start.so", &module[..40]),
            "Corrupt",
            " is cut off or damaged: ",
        ),
        (
            made.file("half.so", &module[..module.len() / 2]),
            "Corrupt",
            " is cut off or damaged: ",
        ),
        (
            made.file("short.so", &module[..module.len() - 1]),
            "Corrupt",
            " is cut off or damaged: ",
        ),
        // The file's version, a program header's offset, a section header's address.
        (
            damaged("ident.so", 6, 9),
            "Corrupt",
            " is cut off or damaged: ",
        ),
        (
            damaged("segment.so", 64 + 56 + 8, 0x77),
            "Corrupt",
            " is cut off or damaged: ",
        ),
        (
            Build::Plain.file(),
            "NoManifest",
            " is a shared object but no module, as it has no manifest; ",
        ),
        (
            Build::Host.file(),
            "ContainsHost",
            " contains the host's half, as it defines `tls_slots_register_v1`; take `tls-slots` out of ",
        ),
    ];
    for folder in ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"] {
        let zlib = Path::new(folder).join("libz.so.1");
        if zlib.is_file() {
            table.push((zlib, "NoManifest", " is a shared object but no module"));
            break;
        }
    }
    // The section's name is the interface's version.
    let mut bytes = module.clone();
    let at = find(&bytes, b"\0tls_slots_manifest_v1\0");
    bytes[at + b"\0tls_slots_manifest_v".len()] = b'2';
    table.push((
        made.file("other_abi.so", &bytes),
        "Abi",
        " was built for version 2 of the interface between modules and hosts, and this host for version 1; ",
    ));
    // A library that is nowhere.
    let mut bytes = module.clone();
    let at = find(&bytes, b"\0libgcc_s.so.1\0");
    bytes[at + 4] = b'x';
    table.push((
        made.file("needs.so", &bytes),
        "Open",
        "caused by: libxcc_s.so.1: cannot open shared object file",
    ));
    table.push((Build::Release.file(), "Mismatch", "debug assertions"));
    table.push((Build::Wide.file(), "Mismatch", "keys-iface: feature `wide`"));

    let files: Vec<&Path> = table.iter().map(|(file, ..)| file.as_path()).collect();
    let ended = run(&host(), "errors", &files);
    let errors = after(&ended, "ERROR ");
    assert_eq!(errors.len(), table.len(), "{ended}");
    let texts: Vec<&str> = ended.stdout.split("ERROR ").skip(1).collect();
    for (text, (file, variant, words)) in texts.iter().zip(&table) {
        assert!(
            text.starts_with(&format!("{variant}: "))
                && text.contains(words)
                && text.contains(file.to_str().expect("UTF-8")),
            "{} should be {variant}, with `{words}`, not\n{text}",
            file.display()
        );
    }
}

#[test]
fn a_pipe_is_not_waited_for_and_a_secret_is_not_read() {
    let ended = run(&host(), "unreadable", &[&Build::First.file()]);
    let errors = after(&ended, "ERROR ");
    assert_eq!(errors.len(), 3, "{ended}");
    assert!(
        errors[0].starts_with("NotAFile: ") && errors[0].contains(" is a pipe, "),
        "{ended}"
    );
    assert!(errors[1].starts_with("NotAFile: "), "{ended}");
    assert!(errors[2].starts_with("Read: "), "{ended}");
    ended.assert_says("caused by: Permission denied");
}

/// Before there was a limit, a file of three gigabytes was copied to memory before its first byte
/// was looked at.
#[test]
fn a_large_file_is_looked_at_before_it_is_copied() {
    run(
        &host(),
        "large",
        &[&Build::First.file(), &Build::Plain.file()],
    );
}

/// Before, a pipe was opened before it was known to be one, which its writer noticed.
#[test]
fn pipes_sockets_and_devices_are_not_opened() {
    run(&host(), "special", &[&Build::First.file()]);
}

#[test]
fn a_file_may_change_while_it_is_read() {
    run(&host(), "changing", &[&Build::First.file()]);
}

#[test]
fn a_check_that_panics_leaves_nothing_open() {
    run(&host(), "verify_panics", &[&Build::First.file()]);
}

// The file that was checked is the file that is loaded -------------------------------------------

#[test]
fn a_file_that_is_swapped_after_the_check_is_not_what_runs() {
    let (first, second) = (Build::First.file(), Build::Second.file());
    for case in [
        "swap_by_rename",
        "swap_in_place",
        "swap_by_rename_descriptor",
    ] {
        let ended = run(&host(), case, &[&first, &second]);
        assert_eq!(after(&ended, "BUILD "), ["1"], "{case}\n{ended}");
    }
}

/// The control of the test above, and what [`Source::Path`](tls_slots_load::Source) is documented
/// to do.
#[test]
fn by_its_path_a_swapped_file_is_what_runs() {
    let ended = run(
        &host(),
        "swap_by_rename_path",
        &[&Build::First.file(), &Build::Second.file()],
    );
    assert_eq!(after(&ended, "BUILD "), ["2"], "{ended}");
}

#[test]
fn without_memory_files_the_copy_is_a_file_without_a_name() {
    run(&host(), "without_memory_files", &[&Build::First.file()]);
}

#[test]
fn where_no_copy_can_be_made_the_error_says_so() {
    let ended = run(&host(), "without_any_copy", &[&Build::First.file()]);
    ended
        .assert_says("NO COPY no private copy of module ")
        .assert_says("see `LoadOptions::source` for other ways")
        .assert_says("caused by: Operation not permitted");
}

#[test]
fn backtraces_name_a_modules_functions_and_lines() {
    for case in ["backtrace_copy", "backtrace_descriptor", "backtrace_path"] {
        run(&host(), case, &[&Build::First.file()]);
    }
}

// Conditions -------------------------------------------------------------------------------------

#[test]
fn a_digest_can_be_pinned() {
    let module = Build::First.file();
    let ended = run(&host(), "digest", &[&module]);
    let mut sha256sum = Command::new("sha256sum");
    let sum = process::run(sha256sum.arg(&module), DEADLINE);
    sum.assert_success();
    let sum = sum.stdout.split(' ').next().expect("a sum");
    assert_eq!(after(&ended, "SHA256 "), [sum], "{ended}");
}

#[test]
fn files_and_folders_of_others_can_be_refused() {
    run(&host(), "private", &[&Build::First.file()]);
}

#[test]
fn the_hosts_own_check_has_the_last_word() {
    let ended = run(&host(), "rejected", &[&Build::First.file()]);
    ended
        .assert_says("REJECTED this host's own check rejected module ")
        .assert_says("caused by: it is not signed");
}

// One file, one image ----------------------------------------------------------------------------

#[test]
fn one_file_is_one_image_and_another_build_is_another() {
    let (first, second) = (Build::First.file(), Build::Second.file());
    run(&host(), "twice", &[&first, &second]);
}

#[test]
fn without_a_copy_the_system_decides_and_a_stale_image_is_an_error() {
    let (first, second) = (Build::First.file(), Build::Second.file());
    let ended = run(&host(), "twice_without_a_copy", &[&first, &second]);
    ended
        .assert_says("REPLACED module ")
        .assert_says("an image of that path is loaded already");
}

#[test]
fn threads_that_load_one_file_get_one_image() {
    for _ in 0..10 {
        run(&host(), "at_the_same_time", &[&Build::First.file()]);
    }
}

// Past the loader --------------------------------------------------------------------------------

#[test]
fn a_module_that_fits_works_by_plain_dlopen() {
    let ended = run(&host(), "by_hand", &[&Build::First.file()]);
    assert_eq!(after(&ended, "ADD "), ["Ok(7)"], "{ended}");
    assert_eq!(after(&ended, "CELL "), ["8"], "{ended}");
    assert_eq!(after(&ended, "REFUSED "), ["no"], "{ended}");
    // The loader, told to open that path, would get the image that nobody has checked.
    ended.assert_says("BY PATH module ");
}

#[test]
fn a_module_that_does_not_fit_is_refused_by_the_registry() {
    for (build, words) in [
        (Build::Wide, "keys-iface: feature `wide`"),
        (Build::Release, "debug assertions"),
    ] {
        let module = build.file();
        let ended = run(&host(), "by_hand", &[&module]);
        let use_of_keys = after(&ended, "ADD Err(");
        assert_eq!(use_of_keys.len(), 1, "{ended}");
        assert!(
            use_of_keys[0].contains("thread-local `CELL` is not connected to a host: "),
            "{ended}"
        );
        assert_eq!(after(&ended, "CELL "), ["7"], "{ended}");
        // The loader, the registry and the key use the same words.
        let loader = run(&host(), "errors", &[&module]);
        let refused = after(&ended, "REFUSED ");
        assert_eq!(refused.len(), 1, "{ended}");
        for text in [&*loader.stdout, use_of_keys[0]] {
            assert!(text.contains(words), "no `{words}` in {text}");
            assert!(
                text.contains(refused[0].lines().next().expect("a line")),
                "{text}\n{ended}"
            );
        }
    }
}

/// A module that links `tls-slots` by mistake, or a host that is loaded by another: its symbols are
/// preempted by the executable's, so there are no two registries, and it is refused.
#[test]
fn a_module_with_the_hosts_half_is_refused_past_the_loader_as_well() {
    let (half, module) = (Build::Host.file(), Build::First.file());
    let ended = run(&host(), "by_hand", &[&half, &module]);
    // By the use of a key, by the registry, and by the loader: one wording.
    let words = "contains the host's half, as it defines `tls_slots_register_v1`; take `tls-slots` out \
                 of its dependencies";
    assert_eq!(ended.stdout.matches(words).count(), 3, "{ended}");
    let as_host = after(&ended, "AS HOST ");
    assert!(
        as_host[0].starts_with("0 images, this program cannot load modules: there is another host"),
        "{ended}"
    );
    // The host goes on as the one host.
    assert_eq!(after(&ended, "ADD AGAIN "), ["Ok(3)"], "{ended}");
}

/// A program that links `tls-slots` and exports nothing, as its `build.rs` does not say so.
fn forgetful() -> PathBuf {
    Project::new("load_host")
        .env("LOAD_HOST_FORGETS", "1")
        .built()
}

#[test]
fn a_host_that_exports_nothing_is_told_so() {
    let ended = run(&forgetful(), "errors", &[&Build::First.file()]);
    let errors = after(&ended, "ERROR ");
    assert_eq!(
        errors,
        [
            "Host: this program cannot load modules: the executable does not export \
             `tls_slots_register_v1`; call `tls_slots_build::host()` in the `build.rs` of the package \
             whose executable this is"
        ],
        "{ended}"
    );
    // Past the loader, `dlopen` says the same in its words.
    let ended = run(&forgetful(), "by_hand", &[&Build::First.file()]);
    ended.assert_says("undefined symbol: tls_slots_");
}

/// A library with a host's half, such as an extension of a program in another language: it has its
/// own state, and loads no modules, as these would look for the symbols in the executable.
#[test]
fn a_library_with_the_hosts_half_is_on_its_own_where_the_program_is_no_host() {
    let (half, module) = (Build::Host.file(), Build::First.file());
    let ended = run(&forgetful(), "on_its_own", &[&half, &module]);
    let as_host = after(&ended, "AS HOST ");
    assert_eq!(as_host.len(), 1, "{ended}");
    assert!(
        as_host[0].starts_with(
            "1 images, this program cannot load modules: the executable does not export "
        ),
        "{ended}"
    );
}

/// A program with its C library inside.
#[test]
#[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
fn a_static_host_is_told_so() {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    // cargo builds no procedural macros for such a target unless the target is named.
    let host = Project::new("load_host")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .target(TARGET)
        .built();
    let ended = run(&host, "errors", &[&Build::First.file()]);
    ended
        .assert_says("ERROR Host: this program cannot load modules: it is linked statically, ")
        .assert_says("; build it without `-C target-feature=+crt-static`");
}
