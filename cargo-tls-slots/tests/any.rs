//! Crates that nobody wrote a recipe for.
//!
//! | test | what it shows |
//! | --- | --- |
//! | [`unprepared_crates_pass_their_own_tests`] | forks of published crates build, and pass the tests that they were published with, where the test binary is the host |
//! | [`unprepared_crates_share_their_state`] | a host and a module see one state; with the untouched crates they do not |
//!
//! The first runs the light half of its table. `TLS_SLOTS_ALL_CRATES=1` runs all of it: some
//! minutes, and a few hundred crates as their development dependencies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use cargo_tls_slots::Sharing;
use cargo_tls_slots::fork::{ForkOptions, Forked, fork};
use tls_slots_tests::process::side_by_side;
use tls_slots_tests::scratch;

/// A crate, what `cargo test` is told, how many of its statics are shared and are not (nothing for
/// a crate that has a recipe, which knows them), and how many of its tests pass at least.
struct Case {
    spec: &'static str,
    args: &'static [&'static str],
    by_rule: Option<(usize, usize)>,
    tests: usize,
    light: bool,
}

const fn case(
    spec: &'static str,
    args: &'static [&'static str],
    [shared, not_shared, tests]: [usize; 3],
) -> Case {
    Case {
        spec,
        args,
        by_rule: Some((shared, not_shared)),
        tests,
        light: true,
    }
}

const fn prepared(spec: &'static str, args: &'static [&'static str], tests: usize) -> Case {
    Case {
        spec,
        args,
        by_rule: None,
        tests,
        light: true,
    }
}

const fn heavy(case: Case) -> Case {
    Case {
        light: false,
        ..case
    }
}

const ALL: &[&str] = &["--lib", "--tests"];
const LIB: &[&str] = &["--lib"];
/// Without those that read files of time zones which the package does not carry.
const CHRONO: &[&str] = &["--lib", "--", "--skip", "tz_data"];

/// Different from each other: what is shared, and how it is written down.
const CRATES: &[Case] = &[
    // A thread-local; forbids unsafe code.
    case("fastrand@2.5.0", ALL, [1, 0, 30]),
    // `static` in a Rust 2015 crate, a `Once` that is initialised by the other side.
    case("num_cpus@1.17.0", ALL, [2, 0, 15]),
    // `static mut`s; its tests start processes that they signal.
    case("ctrlc@3.5.2", ALL, [5, 0, 0]),
    // A thread-local that its tests set per thread; `std::io` traits.
    case("env_logger@0.11.11", ALL, [1, 0, 19]),
    // A thread-local generator behind traits.
    case("nanorand@0.8.0", ALL, [1, 0, 5]),
    // A thread-local cache of the system's time zone.
    case("chrono@0.4.45", CHRONO, [1, 0, 250]),
    // `static mut`s and locks inside functions, and code for Windows only.
    case("backtrace@0.3.77", LIB, [8, 0, 3]),
    // A `OnceLock`, and an atomic inside a function.
    case("tempfile@3.27.0", ALL, [2, 0, 60]),
    // Lazily found functions, in files of which each system compiles one.
    case("getrandom@0.4.3", ALL, [7, 0, 9]),
    // `LazyLock`s of atomics.
    case("console@0.16.6", LIB, [5, 0, 25]),
    // Function pointers in atomics, in a macro.
    case("memchr@2.8.3", LIB, [1, 0, 140]),
    // Nothing to share.
    case("scoped-tls@1.0.1", ALL, [0, 0, 4]),
    // What our own recipes fork.
    prepared("signal-hook-registry@1.4.8", ALL, 14),
    prepared("thread_local@1.1.10", ALL, 9),
    prepared("rayon-core@1.13.0", ALL, 100),
    prepared("crossbeam-epoch@0.9.21", ALL, 40),
    prepared("crossbeam-utils@0.8.23", ALL, 60),
    // Not all of its other tests are in the package.
    prepared("regex-automata@0.4.18", LIB, 200),
    heavy(prepared("sharded-slab@0.1.7", ALL, 13)),
    heavy(prepared("metrics@0.24.6", LIB, 20)),
    heavy(case("rand@0.10.3", LIB, [1, 0, 50])),
];

/// A place that stays from run to run, so that a second one compiles little.
fn lasting(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("any")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The target folder: that of the fixtures, which has many of the dependencies already.
fn target() -> PathBuf {
    scratch().join("target")
}

fn forked(specs: &[&str], out: &Path) -> Forked {
    let options = ForkOptions {
        crates: specs.iter().map(|spec| spec.parse().unwrap()).collect(),
        ..ForkOptions::new(out)
    };
    fork(&options).unwrap_or_else(|error| panic!("{error}"))
}

fn cargo(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(args)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_PROFILE_TEST_DEBUG", "0")
        .env_remove("RUSTFLAGS")
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap()
}

/// Copies a fork's files to where they may be changed.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_name() != "Cargo.lock" {
            fs::create_dir_all(to).unwrap();
            write(&target, &fs::read(entry.path()).unwrap());
        }
    }
}

/// Writes what differs: cargo goes by times.
fn write(path: &Path, bytes: &[u8]) {
    if !fs::read(path).is_ok_and(|old| old == bytes) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A copy of a fork that links the host's half, so that its test binaries are hosts.
fn self_hosted(forked: &Forked, name: &str) -> PathBuf {
    let place = lasting("self-hosted");
    for one in &forked.crates {
        copy(&one.dir, &place.join(one.folder()));
    }
    let fork = forked.crates.iter().find(|one| one.name == name).unwrap();
    let folder = place.join(fork.folder());
    let manifest = fs::read_to_string(fork.dir.join("Cargo.toml")).unwrap();
    let table: toml::Table = manifest.parse().unwrap();
    let root = table
        .get("lib")
        .and_then(|lib| lib.get("path")?.as_str())
        .unwrap_or("src/lib.rs");
    let hosted = format!("{manifest}\n[dependencies.tls-slots]\npath = \"../tls-slots\"\n");
    write(&folder.join("Cargo.toml"), hosted.as_bytes());
    let text = fs::read_to_string(fork.dir.join(root)).unwrap();
    let hosted = format!("{text}\nextern crate tls_slots as _;\n");
    write(&folder.join(root), hosted.as_bytes());
    folder
}

/// The sum of what libtest says passed.
fn passed(output: &Output) -> usize {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[test]
fn unprepared_crates_pass_their_own_tests() {
    let all = std::env::var_os("TLS_SLOTS_ALL_CRATES").is_some();
    let cases = CRATES.iter().filter(|case| case.light || all);
    // The tests of one are run while the next one is built.
    side_by_side(2, &cases.collect::<Vec<_>>(), |case| passes_its_tests(case));
}

/// Forks the crate, builds it as a host of its own, and runs its tests.
fn passes_its_tests(case: &Case) {
    static FORKING: Mutex<()> = Mutex::new(());
    let forking = FORKING.lock().unwrap();
    let forked = forked(&[case.spec], &lasting("forks"));
    let one = &forked.crates[0];
    let counts = one.report.as_ref().map(|report| {
        let count = |sharing| report.with(sharing).count();
        (count(Sharing::Shared), count(Sharing::NotShared))
    });
    assert_eq!(counts, case.by_rule, "{}", case.spec);
    let folder = self_hosted(&forked, &one.name);
    drop(forking);
    let args = [&["test", "--quiet"], case.args].concat();
    let output = cargo(&folder, &args);
    assert!(
        output.status.success() && passed(&output) >= case.tests,
        "{}: {} tests passed, of {}\n{}\n{}",
        case.spec,
        passed(&output),
        case.tests,
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
}

const HOST: &str = r#"
use std::ffi::{CString, c_char, c_int, c_void};
use tls_slots as _;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(image: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn main() {
    let path = CString::new(std::env::args().nth(1).unwrap()).unwrap();
    // SAFETY: the module is the test's own, built by the same compiler; its functions have the
    // signatures that are given here.
    let (draw, handle, colour) = unsafe {
        let image = dlopen(path.as_ptr(), 2);
        assert!(!image.is_null());
        let find = |name: &std::ffi::CStr| {
            let symbol = dlsym(image, name.as_ptr());
            assert!(!symbol.is_null());
            symbol
        };
        (
            std::mem::transmute::<*mut c_void, extern "C" fn() -> u64>(find(c"draw")),
            std::mem::transmute::<*mut c_void, extern "C" fn() -> bool>(find(c"has_handler")),
            std::mem::transmute::<*mut c_void, extern "C" fn() -> bool>(find(c"has_colour")),
        )
    };
    // A thread-local: one generator for both.
    fastrand::seed(7);
    let mine = fastrand::u64(..);
    fastrand::seed(7);
    println!("thread-local {}", draw() == mine);
    // An atomic, a lock and a `static mut`: one handler in the process.
    ctrlc::set_handler(|| {}).unwrap();
    println!("static {}", handle());
    // `lazy_static!`: one switch.
    colored::control::set_override(true);
    println!("lazy_static {}", colour());
}
"#;

const MODULE: &str = r#"
use colored::Colorize as _;

#[unsafe(no_mangle)]
pub extern "C" fn draw() -> u64 {
    fastrand::u64(..)
}

#[unsafe(no_mangle)]
pub extern "C" fn has_handler() -> bool {
    matches!(ctrlc::set_handler(|| {}), Err(ctrlc::Error::MultipleHandlers))
}

#[unsafe(no_mangle)]
pub extern "C" fn has_colour() -> bool {
    "x".red().to_string() != "x"
}
"#;

/// Builds a host and a module against `patches`, and returns what the host prints.
fn host_and_module(name: &str, patches: &str) -> String {
    let place = lasting(name);
    let crates = "fastrand = \"=2.5.0\"\nctrlc = \"=3.5.2\"\ncolored = \"=2.2.0\"\n";
    let package = |name: &str, rest: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [workspace]\n{rest}\n{patches}"
        )
    };
    let host = place.join("host");
    let manifest = package(
        "any_host",
        &format!(
            "[dependencies]\n{crates}tls-slots = \"0.1\"\n[build-dependencies]\ntls-slots-build = \"0.1\""
        ),
    );
    write(&host.join("Cargo.toml"), manifest.as_bytes());
    write(&host.join("src/main.rs"), HOST.as_bytes());
    let build = b"fn main() { tls_slots_build::host(); }\n";
    write(&host.join("build.rs"), build);
    let module = place.join("module");
    let manifest = package(
        "any_module",
        &format!("[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\n{crates}tls-keys = \"0.1\""),
    );
    write(&module.join("Cargo.toml"), manifest.as_bytes());
    write(&module.join("src/lib.rs"), MODULE.as_bytes());

    let build = |folder: &Path| {
        let output = cargo(folder, &["build", "--quiet"]);
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{says}");
    };
    build(&module);
    build(&host);
    let target = target().join("debug");
    let library = format!(
        "{}any_module{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let output = Command::new(target.join("any_host"))
        .arg(target.join(library))
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{says}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn unprepared_crates_share_their_state() {
    let crates = ["fastrand@2.5.0", "ctrlc@3.5.2", "colored@2.2.0"];
    let forked = forked(&crates, &lasting("shared-forks"));
    assert_eq!(
        host_and_module("shared", &forked.patch_lines()),
        "thread-local true\nstatic true\nlazy_static true\n"
    );
    // The control: our own crates, and the registry's.
    let ours: String = forked
        .patch_lines()
        .lines()
        .filter(|line| {
            !crates
                .iter()
                .any(|spec| line.starts_with(&format!("{} ", spec.split('@').next().unwrap())))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(
        host_and_module("untouched", &ours),
        "thread-local false\nstatic false\nlazy_static false\n"
    );
}
