//! What goes along when a module is closed: C libraries, and other modules. Each case of
//! `fixtures/unload_host/src/along.rs` is a process. Unoptimised and optimised.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use tls_slots_tests::process::{self, side_by_side};
use tls_slots_tests::project::Project;
use tls_slots_tests::{sanitizer, scratch};

const DEADLINE: Duration = Duration::from_secs(120);

/// Compiles a file of `fixtures/unload_module/c`. `None` if this machine has no such compiler.
fn compiled(compiler: &str, source: &str, file: &str, arguments: &[&str]) -> Option<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    // Several processes may do this at a time: their numbers keep them apart.
    let folder = scratch().join("c");
    let new = folder.join(format!("{file}-{}", std::process::id()));
    std::fs::create_dir_all(new.parent().expect("the folder")).expect("a folder of ours");
    let mut command = Command::new(compiler);
    command
        .args(["-g", "-O1", "-fPIC"])
        .args(arguments)
        .arg("-o")
        .arg(&new)
        .arg(fixtures.join("unload_module/c").join(source));
    match command.status() {
        Ok(status) => assert!(status.success(), "{command:?}"),
        Err(error) => {
            println!("NOT RUN: there is no `{compiler}` on this machine: {error}");
            return None;
        }
    }
    let file = folder.join(file);
    std::fs::rename(&new, &file).expect("a folder of ours");
    Some(file)
}

/// The C library.
static LIBRARY: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| compiled("cc", "library.c", "libunload_library.so", &["-shared"]));

/// The same, marked as never to be unmapped. Its file has the same name.
static THAT_STAYS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let arguments = ["-shared", "-Wl,-z,nodelete"];
    compiled("cc", "library.c", "stays/libunload_library.so", &arguments)
});

/// The argument that links a file.
fn link(file: &Path) -> String {
    format!("-Clink-arg={}", file.display())
}

/// The module that links the C library. `None` if there is none.
fn with_library(release: bool) -> Option<Project> {
    let module = Project::new("unload_module").features("c-library");
    Some(module.release(release).rustc(&link(LIBRARY.as_deref()?)))
}

/// Runs a case with a module, and perhaps with another file, in both profiles.
fn both(
    case: &str,
    module: impl Fn(bool) -> Option<Project> + Sync,
    other: impl Fn(bool) -> Option<PathBuf> + Sync,
) {
    side_by_side(2, &[false, true], |release| {
        let Some(module) = module(*release) else {
            return;
        };
        let host = Project::new("unload_host").release(*release).built();
        let mut command = Command::new(host);
        command
            .arg(case)
            .arg(module.built())
            .arg("0")
            .args(other(*release));
        process::run(&mut command, DEADLINE).assert_ok();
    });
}

fn nothing(_: bool) -> Option<PathBuf> {
    None
}

macro_rules! of_a_library {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                both(concat!("along_", stringify!($name)), with_library, nothing);
            }
        )*
    };
}

of_a_library! { thread c11_thread key signal replaced_signal at_exit on_exit timer races }

#[test]
fn key_of_one_that_stays() {
    let module = |release| {
        let module = Project::new("unload_module").features("c-library");
        Some(module.release(release).rustc(&link(THAT_STAYS.as_deref()?)))
    };
    both("along_key_of_one_that_stays", module, nothing);
}

/// C++ that is linked into the module: as an object, with libstdc++ beside it or in it.
#[test]
fn cpp_thread() {
    if sanitizer::chosen().is_some() {
        println!("NOT RUN: libstdc++ keeps memory for exceptions, and a sanitizer would find that");
        return;
    }
    let Some(object) = compiled("c++", "threads.cc", "threads.o", &["-c"]) else {
        return;
    };
    let module = |release| {
        let module = Project::new("unload_module")
            .features("cpp")
            .release(release);
        module.rustc(&link(&object))
    };
    let dynamic = |release| Some(module(release).rustc("-Clink-arg=-lstdc++"));
    both("along_cpp_thread", dynamic, nothing);
    let inside = |release| {
        let module = module(release).rustc("-Clink-arg=-Wl,-Bstatic,-lstdc++,-Bdynamic");
        Some(module.rustc("-Clink-arg=-fno-gnu-unique"))
    };
    both("along_cpp_thread", inside, nothing);
}

/// Threads that the host's code starts are not the module's, whoever has called the host.
#[test]
fn threads_of_the_host() {
    let module = |release| Some(Project::new("unload_module").release(release));
    both("along_threads_of_the_host", module, |_| LIBRARY.clone());
}

fn inner(release: bool) -> PathBuf {
    Project::new("unload_inner").release(release).built()
}

fn outer(release: bool) -> Option<Project> {
    let module = Project::new("unload_module")
        .features("inner")
        .release(release);
    Some(module.rustc(&link(&inner(release))))
}

#[test]
fn links() {
    both("along_links", outer, nothing);
}

#[test]
fn links_races() {
    both("along_links_races", outer, nothing);
}

#[test]
fn links_locals() {
    both("along_links_locals", outer, nothing);
}

#[test]
fn opens() {
    if sanitizer::chosen().is_some() {
        println!("NOT RUN: a sanitizer's `dlopen` is in the host, so the host opens the module");
        return;
    }
    let module = |release| Some(Project::new("unload_module").release(release));
    both("along_opens", module, |release| Some(inner(release)));
}

#[test]
fn two_link() {
    let second = |release| {
        let module = Project::new("unload_module").features("inner second");
        Some(
            module
                .release(release)
                .rustc(&link(&inner(release)))
                .built(),
        )
    };
    both("along_two_link", outer, second);
}

#[test]
fn is_linked() {
    both("along_is_linked", outer, |release| Some(inner(release)));
}
