//! The digest of a crate's sources: which files count that the crate's `mod`s do not name.
//!
//! Each row writes a small crate, which prints its own digest, and edits one of its files. Cargo
//! must build the crate again, and the digest must change: or must not, where the edit does not
//! count.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cargo_tls_slots::cargo;
use tls_slots_tests::{process, scratch};

/// The longest that one cargo invocation may take.
const BUILD: Duration = Duration::from_secs(300);

/// A crate, and an edit of it.
struct Row {
    name: &'static str,
    /// Paths and contents, beside what every crate has.
    files: &'static [(&'static str, &'static str)],
    /// Links: where they are, and where they lead to.
    links: &'static [(&'static str, &'static str)],
    /// The file that is edited, and its other content.
    edit: (&'static str, &'static str),
    counts: bool,
}

/// What stands at the end of each crate's root, and its program prints.
const DIGEST: &str = "
pub const SOURCES: (&str, &[(&str, bool)]) = tls_keys_macros::sources!();
";

/// Another type in a shared crate.
const NARROW: &str = "pub type Width = u8;\n";
const WIDE: &str = "pub type Width = u64;\n";

/// A macro of another crate's names the file, as `tonic::include_proto!` does. Here it is a text
/// that no walk through tokens understands.
const GENERATED: &str =
    "macro_rules! generated { ($($part:expr),*) => { include!(concat!($($part),*)); } }
generated!(env!(\"OUT_DIR\"), \"/generated.rs\");
";

/// Generates a file of Rust from a file that is none.
const BUILD_SCRIPT: &str = "fn main() {
    println!(\"cargo::rerun-if-changed=width.txt\");
    let width = std::fs::read_to_string(\"width.txt\").unwrap();
    let to = std::path::Path::new(&std::env::var(\"OUT_DIR\").unwrap()).join(\"generated.rs\");
    std::fs::write(to, format!(\"// Width.\\npub type Width = {};\", width.trim())).unwrap();
}
";

const ROWS: &[Row] = &[
    Row {
        name: "plain",
        files: &[("src/lib.rs", "pub mod part;\n"), ("src/part.rs", NARROW)],
        links: &[],
        edit: ("src/part.rs", WIDE),
        counts: true,
    },
    Row {
        name: "comment",
        files: &[("src/lib.rs", "")],
        links: &[],
        edit: ("src/lib.rs", "// A comment.\n"),
        counts: false,
    },
    // Bazel and Nix build in a folder of links. The compiler looks beside the link.
    Row {
        name: "linked-root",
        files: &[
            ("elsewhere/root.rs", "pub mod part;\n"),
            ("src/part.rs", NARROW),
        ],
        links: &[("src/lib.rs", "../elsewhere/root.rs")],
        edit: ("src/part.rs", WIDE),
        counts: true,
    },
    Row {
        name: "linked-folder",
        files: &[
            ("elsewhere/lib.rs", "pub mod part;\n"),
            ("elsewhere/part.rs", NARROW),
        ],
        links: &[("src", "elsewhere")],
        edit: ("elsewhere/part.rs", WIDE),
        counts: true,
    },
    Row {
        name: "generated",
        files: &[
            ("src/lib.rs", GENERATED),
            ("build.rs", BUILD_SCRIPT),
            ("width.txt", "u8"),
        ],
        links: &[],
        edit: ("width.txt", "u64"),
        counts: true,
    },
    // The same text of Rust comes of it.
    Row {
        name: "generated-alike",
        files: &[
            ("src/lib.rs", GENERATED),
            ("build.rs", BUILD_SCRIPT),
            ("width.txt", "u8"),
        ],
        links: &[],
        edit: ("width.txt", "u8 \n"),
        counts: false,
    },
];

impl Row {
    /// Writes the crate, and gives its digest before and after the edit.
    fn digests(&self) -> [String; 2] {
        let folder = scratch().join("digests").join(self.name);
        // What an earlier run has edited.
        if let Err(error) = fs::remove_dir_all(&folder) {
            assert!(!folder.exists(), "{error}");
        }
        let write = |path: &str, content: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder of ours")).expect("ours");
            let is_root = path.ends_with("lib.rs") || path.ends_with("root.rs");
            let more = if is_root { DIGEST } else { "" };
            fs::write(path, format!("{content}{more}")).expect("a folder of ours");
        };
        let macros = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tls-keys-macros");
        write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"{}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\n\
                 name = \"this\"\n\n[[bin]]\nname = \"{0}\"\npath = \"says.rs\"\n\n\
                 [dependencies]\ntls-keys-macros = {{ path = {macros:?} }}\n\n[workspace]\n",
                self.name
            ),
        );
        write(
            "says.rs",
            "fn main() {\n    println!(\"DIGEST {}\", this::SOURCES.0);\n}\n",
        );
        for (path, content) in self.files {
            write(path, content);
        }
        for (path, to) in self.links {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a folder of ours")).expect("ours");
            std::os::unix::fs::symlink(to, path).expect("a folder of ours");
        }
        let before = says(&folder);
        write(self.edit.0, self.edit.1);
        [before, says(&folder)]
    }
}

/// What the crate prints.
fn says(folder: &Path) -> String {
    let mut command = Command::new(cargo::program());
    cargo::isolate(&mut command);
    command
        .current_dir(folder)
        .args(["run", "--quiet", "--offline"])
        .env("CARGO_TARGET_DIR", scratch().join("digests/target"));
    let ended = process::run(&mut command, BUILD);
    ended.assert_success();
    let line = ended
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("DIGEST "));
    line.expect("the digest").to_owned()
}

#[test]
fn what_counts() {
    for row in ROWS {
        let [before, after] = row.digests();
        assert_eq!(before.len(), 32, "{}: `{before}`", row.name);
        assert_eq!(
            before != after,
            row.counts,
            "{}: {before}, {after}",
            row.name
        );
    }
}
