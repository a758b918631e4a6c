//! The same tests under a sanitizer: `TLS_SLOTS_SANITIZER=address` or `thread`.
//!
//! Host and modules are then built by the nightly compiler, instrumented both, into target folders
//! of their own. std stays as it came. AddressSanitizer does not mind; ThreadSanitizer is told of
//! what it cannot see by `sanitizers/std.c`, and what remains is in `sanitizers/thread.supp`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::sources::scratch;

/// Built for by name, so that build scripts and macros go without the sanitizer.
#[cfg(target_arch = "x86_64")]
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";
/// As above.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// A sanitizer of rustc's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitizer {
    /// AddressSanitizer, with LeakSanitizer at exit.
    Address,
    /// ThreadSanitizer.
    Thread,
}

/// The one that was asked for.
///
/// # Panics
///
/// If it is unknown.
pub fn chosen() -> Option<Sanitizer> {
    static CHOSEN: LazyLock<Option<Sanitizer>> =
        LazyLock::new(|| match std::env::var("TLS_SLOTS_SANITIZER").as_deref() {
            Ok("address") => Some(Sanitizer::Address),
            Ok("thread") => Some(Sanitizer::Thread),
            Ok("") | Err(_) => None,
            Ok(other) => panic!("TLS_SLOTS_SANITIZER={other}: `address` or `thread`"),
        });
    *CHOSEN
}

/// Cargo of the compiler that has sanitizers.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    command
}

impl Sanitizer {
    /// As rustc calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    /// What cargo must know.
    pub(crate) fn build(self, command: &mut Command) {
        // The runtime is in the host only, and modules need its symbols.
        let mut flags = format!(
            "-Zsanitizer={} -Cunsafe-allow-abi-mismatch=sanitizer \
             -Clink-arg=-Wl,--export-dynamic-symbol=__*san_*",
            self.name()
        );
        if self == Self::Thread {
            flags += std_in_between();
        }
        command
            .env("CARGO_BUILD_TARGET", TARGET)
            .env("RUSTFLAGS", flags)
            // Suppressions go by names.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    }

    /// What the runtime must know.
    pub(crate) fn run(self, command: &mut Command) {
        // A backtrace makes std read debug information, tens of megabytes, into a static. That of a
        // module is out of reach once the module is unloaded.
        command.env("RUST_BACKTRACE", "0");
        match self {
            Self::Address => command.env(
                "ASAN_OPTIONS",
                "detect_leaks=1:detect_stack_use_after_return=1",
            ),
            Self::Thread => {
                let suppressions = sources().join("thread.supp");
                let suppressions = format!("suppressions={}", suppressions.display());
                command.env("TSAN_OPTIONS", suppressions + ":halt_on_error=1")
            }
        };
    }
}

/// What is not Rust.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sanitizers")
}

/// The functions of std's that `sanitizers/std.c` stands in front of: its name for each, and how
/// their symbols end.
const STD: [(&str, &str); 8] = [
    ("MUTEX_LOCK", "5mutex5futexNtB2_5Mutex14lock_contended"),
    ("RWLOCK_READ", "6rwlock5futexNtB2_6RwLock14read_contended"),
    ("RWLOCK_WRITE", "6rwlock5futexNtB2_6RwLock15write_contended"),
    ("CONDVAR_WAIT", "7condvar5futexNtB2_7Condvar4wait"),
    (
        "CONDVAR_WAIT_TIMEOUT",
        "7condvar5futexNtB2_7Condvar12wait_timeout",
    ),
    ("ONCE_CALL", "4once5futexNtB5_4Once4call"),
    ("BARRIER_WAIT", "4sync7barrierNtB5_7Barrier4wait"),
    (
        "SCOPE_LEAVE",
        "6scopedNtB2_9ScopeData29decrement_num_running_threads",
    ),
];

/// Compiles `sanitizers/std.c` for the nightly's std; gives the flags that link it.
fn std_in_between() -> &'static str {
    static FLAGS: LazyLock<String> = LazyLock::new(|| {
        let mut rustc = Command::new("rustup");
        rustc.args([
            "run",
            "nightly",
            "rustc",
            "--print",
            "target-libdir",
            "--target",
            TARGET,
        ]);
        let folder = rustc.output().expect("rustup is there").stdout;
        let folder = String::from_utf8(folder).expect("a path");
        let libraries = fs::read_dir(folder.trim()).expect("the nightly's std");
        let std = libraries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("libstd-") && name.ends_with(".rlib")
            })
            .expect("the nightly's std");
        let std = fs::read(std).expect("the nightly's std");

        let object = scratch().join("std-in-between.o");
        let mut cc = Command::new("cc");
        cc.arg("-c")
            .arg(sources().join("std.c"))
            .arg("-fPIC")
            .arg("-O1")
            .arg("-o")
            .arg(&object);
        // Without `share-generics` what std has instantiated for itself is not used.
        let mut flags = format!(" -Zshare-generics=no -Clink-arg={}", object.display());
        for symbol in [
            "__tsan_atomic64_fetch_sub",
            "__tsan_atomic64_compare_exchange_val",
            "__tsan_atomic_thread_fence",
            "epoll_ctl",
            "epoll_wait",
        ] {
            flags += &format!(" -Clink-arg=-Wl,--wrap={symbol}");
        }
        for (name, end) in STD {
            let symbol = symbol(&std, end)
                .unwrap_or_else(|| panic!("the nightly's std has no symbol that ends in {end}"));
            cc.arg(format!("-D{name}={symbol}"));
            flags += &format!(" -Clink-arg=-Wl,--wrap={symbol}");
        }
        assert!(cc.status().expect("a C compiler").success());
        flags
    });
    &FLAGS
}

/// The symbol in a library that ends so.
fn symbol(library: &[u8], end: &str) -> Option<String> {
    let of_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let ends = library.windows(end.len() + 1).enumerate();
    ends.filter(|(_, window)| window.strip_suffix(b"\0") == Some(end.as_bytes()))
        .find_map(|(at, _)| {
            let begin = library[..at].iter().rposition(|byte| !of_symbol(byte))? + 1;
            let symbol = std::str::from_utf8(&library[begin..at + end.len()]).ok()?;
            symbol.starts_with("_R").then(|| symbol.to_owned())
        })
}
