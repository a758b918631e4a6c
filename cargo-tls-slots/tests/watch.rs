//! `watch`: what is built again, what is not, and where it is put.
//!
//! The command runs as a process. Each of its lines on standard output answers one change, so
//! nothing here waits for a time to pass; every wait has a deadline.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::command;
use snapbox::str;
use tls_slots_tests::running::{PATIENCE, Running};

mod common;

/// A folder with a module `m` and its path dependency `common`.
struct Projects {
    folder: tempfile::TempDir,
}

impl Projects {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let projects = Self { folder };
        projects.write("common/Cargo.toml", &cargo_toml("common", "[lib]\n"));
        projects.write("common/src/lib.rs", &text("TEXT", "common-1"));
        projects.module("m");
        projects
    }

    fn module(&self, name: &str) {
        let text = cargo_toml(
            name,
            "[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\ncommon = { path = '../common' }\n\
             [workspace]\n",
        );
        self.write(&format!("{name}/Cargo.toml"), &text);
        self.write(&format!("{name}/src/lib.rs"), &module("module-1"));
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// As an editor saves: beside the file, and then over it.
    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let next = path.with_extension("save~");
        fs::write(&next, text).unwrap();
        fs::rename(&next, &path).unwrap();
    }

    /// Waits until a file that is written has a later time than one that was written before. The
    /// kernel counts in steps of some milliseconds, and cargo takes a source of the step in which a
    /// build began for one that the build has seen.
    fn tick(&self) {
        let path = self.path("tick");
        let written = || {
            fs::write(&path, "").unwrap();
            fs::metadata(&path).unwrap().modified().unwrap()
        };
        let first = written();
        while written() == first {}
    }

    /// Whether the published library has this text in it.
    #[track_caller]
    fn assert_published(&self, texts: &[&str]) {
        let bytes = fs::read(self.path("live/libm.so")).unwrap();
        for text in texts {
            let found = bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes());
            assert!(found, "no {text:?} in the library");
        }
        let mut names: Vec<_> = fs::read_dir(self.path("live"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names[0], "libm.so", "an unfinished file is left: {names:?}");
    }

    fn watch(&self, modules: &[&str]) -> Watch {
        let mut command = self.command(modules);
        Watch(Running::start(command.args(["--out", "live"])))
    }

    /// The command that watches these modules.
    fn command(&self, modules: &[&str]) -> Command {
        let mut command = Command::new(snapbox::cmd::cargo_bin!("cargo-tls-slots"));
        command.args(["tls-slots", "watch", "--offline"]);
        for module in modules {
            command.args(["--manifest-path", module]);
        }
        command
            .current_dir(self.folder.path())
            .env_remove("CARGO_TARGET_DIR");
        command
    }
}

fn cargo_toml(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{more}")
}

fn text(name: &str, text: &str) -> String {
    format!("pub static {name}: &str = \"{text}\";\n")
}

fn module(text: &str) -> String {
    // Nobody calls the function, but the linker keeps it with the text that it mentions.
    mark("MARK", text)
        + "#[unsafe(no_mangle)]\npub extern \"C\" fn common() -> *const u8 { common::TEXT.as_ptr() }\n"
}

fn mark(name: &str, mark: &str) -> String {
    format!("#[unsafe(no_mangle)]\npub static {name}: &str = \"{mark}\";\n")
}

/// The running command.
struct Watch(Running);

impl Watch {
    /// The next line that begins with `word`. Lines before it may say `unchanged`: a save may be
    /// two changes to the system, and cargo writes a lock file.
    #[track_caller]
    fn next(&self, word: &str) -> Vec<String> {
        loop {
            let line = self.0.line();
            let parts: Vec<String> = line.split(' ').map(str::to_owned).collect();
            if parts[0] == word {
                return parts;
            }
            assert_eq!(parts[0], "unchanged", "{word} was expected");
        }
    }

    #[track_caller]
    fn built(&self) {
        let parts = self.next("built");
        let [_, name, path, ms] = &parts[..] else {
            panic!("{parts:?}");
        };
        assert_eq!((name.as_str(), path.as_str()), ("m", "live/libm.so"));
        ms.parse::<u64>().unwrap();
    }
}

#[test]
fn help() {
    let folder = tempfile::tempdir().unwrap();
    command(folder.path())
        .args(["watch", "--help"])
        .assert()
        .success()
        .stdout_eq(str![[r#"
Build modules again whenever their sources change

Builds each project as `build` does, and then again when one of its files changes: those of its
package, of the packages that it depends on by path, and others that the compiler read. What the
compiler says is printed, and the project stays watched. Ctrl-C ends the command.

With --out, each built library is copied there under another name and then renamed. So a host that
watches the file (`tls_slots_load::Reload`) never finds half of it; cargo writes its own file in
place.

Usage: cargo tls-slots watch [OPTIONS] [-- <CARGO ARGS>...]

Arguments:
  [CARGO ARGS]...
          More arguments for each `cargo build`

Options:
      --out <DIR>
          Copy each built library there, so that nobody reads half of it

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

Standard output has a line for each result, with the time in milliseconds at its end:
  built NAME PATH MS        NAME's file is new, and PATH is complete
  unchanged PROJECT MS      a file changed, and cargo had nothing to build
  failed PROJECT MS         the reason is on standard error; the last file stays

Examples:
  cargo tls-slots watch --out target/live
      the project in the current folder, published in target/live
  cargo tls-slots watch --release --out live --manifest-path modules/a --manifest-path modules/b
      two modules, optimised
  cargo tls-slots watch --out live -- --package a --features extra
      one package of a workspace, with more arguments for cargo

"#]]);
}

/// Everything that a project is built from, one after another.
#[test]
fn a_change_of_any_source_is_built() {
    let projects = Projects::new();
    let watch = projects.watch(&["m"]);
    watch.built();
    projects.assert_published(&["module-1", "common-1"]);

    projects.write("m/src/lib.rs", &module("module-2"));
    watch.built();
    projects.assert_published(&["module-2", "common-1"]);

    projects.write("common/src/lib.rs", &text("TEXT", "common-2"));
    watch.built();
    projects.assert_published(&["module-2", "common-2"]);

    // A new folder with a file in it, then that file.
    projects.write("m/src/deep/deeper/mod.rs", &mark("DEEP", "deep-1"));
    watch.next("unchanged");
    let lib = module("module-3") + "#[path = \"deep/deeper/mod.rs\"]\nmod deep;\n";
    projects.write("m/src/lib.rs", &lib);
    watch.built();
    projects.assert_published(&["module-3", "deep-1"]);
    projects.write("m/src/deep/deeper/mod.rs", &mark("DEEP", "deep-2"));
    watch.built();
    projects.assert_published(&["deep-2"]);

    // A build script, and what it says.
    let script = "fn main() { println!(\"cargo::rustc-env=BUILT=script-1\"); }\n";
    projects.write("m/build.rs", script);
    watch.next("built");
    let lib = lib.replace("module-3", "module-4")
        + "#[unsafe(no_mangle)]\npub static B: &str = env!(\"BUILT\");\n\
           #[unsafe(no_mangle)]\npub static I: &str = include_str!(\"../../elsewhere/in.txt\");\n";
    projects.write("elsewhere/in.txt", "include-1");
    projects.write("m/src/lib.rs", &lib);
    watch.built();
    projects.assert_published(&["module-4", "script-1", "include-1"]);
    projects.write("m/build.rs", &script.replace("script-1", "script-2"));
    watch.built();
    projects.assert_published(&["script-2"]);

    // A file that no package has.
    projects.write("elsewhere/in.txt", "include-2");
    watch.built();
    projects.assert_published(&["include-2"]);

    // A dependency that was not there, and a change of it.
    projects.write("late/Cargo.toml", &cargo_toml("late", "[lib]\n"));
    projects.write("late/src/lib.rs", &mark("LATE", "late-1"));
    let with_late = fs::read_to_string(projects.path("m/Cargo.toml"))
        .unwrap()
        .replace("[workspace]", "late = { path = '../late' }\n[workspace]");
    projects.write("m/Cargo.toml", &with_late);
    watch.next("built");
    projects.write(
        "m/src/lib.rs",
        &(lib.replace("module-4", "module-5") + "pub use late::LATE as _LATE;\n"),
    );
    watch.built();
    projects.assert_published(&["module-5", "late-1"]);
    projects.write("late/src/lib.rs", &mark("LATE", "late-2"));
    watch.built();
    projects.assert_published(&["late-2"]);
}

#[test]
fn a_build_that_fails_leaves_what_there_was() {
    let projects = Projects::new();
    // It need not build when the command starts, either.
    projects.write("m/src/lib.rs", "this is no Rust");
    let watch = projects.watch(&["m"]);
    let parts = watch.next("failed");
    assert_eq!(parts[1], "m", "{parts:?}");
    assert!(!projects.path("live/libm.so").exists());
    projects.write("m/src/lib.rs", &module("module-1"));
    watch.built();

    projects.write(
        "m/src/lib.rs",
        &(module("module-2") + "fn f() -> u8 { \"\" }\n"),
    );
    watch.next("failed");
    projects.assert_published(&["module-1"]);
    projects.write("m/Cargo.toml", "[package\n");
    watch.next("failed");
    watch.0.error_with("error[E0308]: mismatched types");
    watch.0.error_with("Cargo.toml");

    projects.module("m");
    projects.write("m/src/lib.rs", &module("module-3"));
    // Both files were saved; the build between them may or may not have been one of its own.
    watch.built();
    while !is_published(&projects, "module-3") {
        watch.built();
    }
}

fn is_published(projects: &Projects, mark: &str) -> bool {
    let bytes = fs::read(projects.path("live/libm.so")).unwrap();
    bytes
        .windows(mark.len())
        .any(|part| part == mark.as_bytes())
}

/// The build script has read the file, and the build goes on when the test says so.
#[test]
fn a_change_during_a_build_is_not_lost() {
    let projects = Projects::new();
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gate.local_addr().unwrap().port();
    projects.write(
        "m/build.rs",
        &format!(
            "use std::io::Read;\nfn main() {{\n\
             let value = std::fs::read_to_string(\"value.txt\").unwrap();\n\
             println!(\"cargo::rerun-if-changed=value.txt\");\n\
             println!(\"cargo::rustc-env=VALUE={{value}}\");\n\
             let mut gate = std::net::TcpStream::connect((\"127.0.0.1\", {port})).unwrap();\n\
             let _ = gate.read(&mut [0]);\n}}\n"
        ),
    );
    projects.write("m/value.txt", "value-1");
    let lib = module("module-1") + "#[unsafe(no_mangle)]\npub static V: &str = env!(\"VALUE\");\n";
    projects.write("m/src/lib.rs", &lib);
    let watch = projects.watch(&["m"]);
    for round in 1..4 {
        let mut held = accept(&gate, &watch);
        projects.tick();
        projects.write("m/value.txt", &format!("value-{}", round + 1));
        held.write_all(b"!").unwrap();
        watch.built();
        projects.assert_published(&[&format!("value-{round}")]);
    }
    drop(accept(&gate, &watch));
    watch.built();
    projects.assert_published(&["value-4"]);
}

/// The build script's call, which must come.
#[track_caller]
fn accept(gate: &TcpListener, watch: &Watch) -> TcpStream {
    gate.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok((stream, _)) = gate.accept() {
            return stream;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("the build script does not run\n{}", watch.0.said());
}

#[test]
fn only_what_changed_is_built() {
    let projects = Projects::new();
    projects.module("n");
    let watch = projects.watch(&["m", "n"]);
    assert_eq!(watch.next("built")[1], "m");
    assert_eq!(watch.next("built")[1], "n");
    for (file, names) in [
        ("n/src/lib.rs", &["n"][..]),
        ("m/src/lib.rs", &["m"]),
        ("common/src/lib.rs", &["m", "n"]),
        ("n/src/lib.rs", &["n"]),
    ] {
        let old = fs::read_to_string(projects.path(file)).unwrap();
        projects.write(file, &(old + "// changed\n"));
        for name in names {
            assert_eq!(watch.next("built")[1], *name, "{file}");
        }
    }
    // What is no source, or what this command and cargo make, is not worth a build.
    for file in [
        "m/target/x",
        "m/.git/HEAD",
        "m/src/.lib.rs.swp",
        "t/src/lib.rs",
    ] {
        projects.write(file, "");
    }
    projects.write("m/notes.txt", "not read by anybody");
    let parts = watch.next("unchanged");
    assert_eq!(parts[1], "m", "{parts:?}");
    assert!(!watch.0.has_line());
}

#[test]
fn two_libraries_of_one_name_do_not_take_turns() {
    let projects = Projects::new();
    projects.module("n");
    let text = fs::read_to_string(projects.path("n/Cargo.toml")).unwrap();
    projects.write("n/Cargo.toml", &text.replace("[lib]", "[lib]\nname = 'm'"));
    let watch = projects.watch(&["m", "n"]);
    watch.built();
    assert_eq!(watch.next("failed")[1], "n");
    let said = watch.0.error_with("both make");
    assert!(said.contains("give one of the libraries another name"));
}

#[test]
fn what_cannot_be_watched_is_an_error() {
    let projects = Projects::new();
    let watch = projects.watch(&["nothing"]);
    let (status, _, errors) = watch.0.finish_with_output(PATIENCE);
    assert_eq!(status.code(), Some(1));
    assert_eq!(errors, "error: there is no project at nothing\n");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    use std::os::unix::process::ExitStatusExt as _;
    use tls_slots_tests::running::Signal;

    let projects = Projects::new();
    let mut watch = projects.watch(&["m"]);
    watch.built();
    watch.0.signal(Signal::Interrupt);
    assert_eq!(watch.0.finish(PATIENCE).signal(), Some(2));
    projects.assert_published(&["module-1"]);
}

#[test]
fn it_ends_when_nobody_reads() {
    let projects = Projects::new();
    let mut command = projects.command(&["m"]);
    Running::start_unread(command.arg("--quiet")).finish(PATIENCE);
}
