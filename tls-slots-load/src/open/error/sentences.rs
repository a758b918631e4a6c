//! The text of each [`LoadError`]: one sentence that names the file, and says what to do.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use tls_slots_manifest::{HostHalf, Unforked};

use super::load_error::LoadError;

impl Display for LoadError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = self.path().map(Path::display);
        // `Host` is about no file.
        let at: &dyn Display = at.as_ref().map_or(&"", |path| path);
        match self {
            Self::Host { problem } => write!(f, "this program cannot load modules: {problem}"),
            Self::NotFound { .. } => write!(f, "there is no module {at}"),
            Self::Read { .. } => write!(f, "{at} cannot be read"),
            Self::NotAFile { what, .. } => write!(f, "{at} is {what}, not a module's file"),
            Self::TooLarge { size, most, .. } => too_large(f, at, *size, *most),
            Self::Changed { .. } => changed(f, at),
            Self::Writable { writable, by, .. } => others_may_write(f, at, writable, by),
            Self::Digest {
                expected, found, ..
            } => other_digest(f, at, expected, found),
            Self::NotShared { what, .. } => write!(
                f,
                "{at} is {what}, and a module is a shared object: what cargo makes of a library \
                 with `crate-type = [\"cdylib\"]`"
            ),
            Self::Architecture { host, module, .. } => other_machine(f, at, host, module),
            Self::Corrupt { reason, .. } => write!(
                f,
                "module {at} is cut off or damaged: {reason}; build it or copy it again"
            ),
            Self::ContainsHost { symbol, .. } => {
                write!(f, "module {at} {}", HostHalf::of(symbol))
            }
            Self::NoManifest { unforked, .. } => no_manifest(f, at, unforked.as_ref()),
            Self::Dylib { libraries, .. } => in_a_dylib(f, at, libraries),
            Self::Manifest { .. } => write!(
                f,
                "the manifest of module {at} cannot be read; build it or copy it again"
            ),
            Self::Abi { module, .. } => other_abi(f, at, module),
            Self::Mismatch { source, .. } => write!(f, "module {at} is not loaded: {source}"),
            Self::Rejected { .. } => write!(f, "this host's own check rejected module {at}"),
            Self::Copy { .. } => not_copied(f, at),
            Self::Replaced { .. } => replaced(f, at),
            Self::Open { .. } => write!(f, "the system cannot open module {at}"),
            Self::Refused { reason, .. } => write!(f, "this host refused module {at}: {reason}"),
            Self::NotRegistered { .. } => write!(
                f,
                "module {at} was opened but did not register with this host; build both with the \
                 same version of tls-slots"
            ),
            Self::NoEntry { name, entries, .. } => no_entry(f, at, name, entries),
            Self::NoSymbol { name, .. } => write!(
                f,
                "module {at} exports no symbol `{name}`; mark it `#[unsafe(no_mangle)]` and `pub`"
            ),
            Self::Kind { name, is_async, .. } => other_kind(f, at, name, *is_async),
            Self::Signature {
                name, host, module, ..
            } => write!(
                f,
                "the host asks for entry `{name}` as `{host}`, module {at} has it as `{module}`; \
                 make the two agree"
            ),
            Self::Layout {
                name, signature, ..
            } => other_layout(f, at, name, signature),
            Self::Types {
                name,
                signature,
                package,
                ..
            } => write!(
                f,
                "the entry `{name}` of {at} is a `{signature}`, but host and module have built \
                 {package} in different ways (version, features, profile, RUSTFLAGS or \
                 dependencies), so its types may differ though their names and sizes agree; build {package} alike, or have \
                 both sides compare it: by `cargo tls-slots agree {package}` in both projects, or by \
                 `tls_keys::agree!();` in {package} if it is your own; or say \
                 `LoadOptions::trust_sources(\"{package}\")` if you know that they are the same"
            ),
        }
    }
}

/// Hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn too_large(f: &mut Formatter<'_>, at: &dyn Display, size: u64, most: u64) -> fmt::Result {
    write!(
        f,
        "{at} has {size} bytes, and this host loads modules of at most {most} bytes; if it is the \
         right file, strip it (`strip = \"debuginfo\"` in its profile) or raise \
         `LoadOptions::max_size`"
    )
}

fn changed(f: &mut Formatter<'_>, at: &dyn Display) -> fmt::Result {
    write!(
        f,
        "module {at} was written to while it was read; load it again when it is complete, and \
         have new builds written beside it and renamed to it"
    )
}

fn others_may_write(
    f: &mut Formatter<'_>,
    at: &dyn Display,
    writable: &Path,
    by: &str,
) -> fmt::Result {
    write!(
        f,
        "module {at} is not loaded, because {} may be changed by {by}; give it to root or to \
         this process's user, and let nobody else write to it (`chmod go-w`)",
        writable.display()
    )
}

fn other_digest(
    f: &mut Formatter<'_>,
    at: &dyn Display,
    expected: &[u8],
    found: &[u8],
) -> fmt::Result {
    write!(
        f,
        "module {at} has the SHA-256 {}, and this host expects {}; put the expected file there, \
         or expect the new digest",
        Hex(found),
        Hex(expected)
    )
}

fn other_machine(f: &mut Formatter<'_>, at: &dyn Display, host: &str, module: &str) -> fmt::Result {
    write!(
        f,
        "module {at} was built for {module} and this host for {host}; build both for the same \
         target"
    )
}

fn no_manifest(
    f: &mut Formatter<'_>,
    at: &dyn Display,
    unforked: Option<&Unforked>,
) -> fmt::Result {
    write!(
        f,
        "{at} is a shared object but no module, as it has no manifest; "
    )?;
    match unforked {
        Some(unforked) => unforked.fmt(f),
        None => f.write_str(
            "a module depends on tokio with the feature `external-tls`, made by `cargo tls-slots \
             fork`",
        ),
    }
}

fn in_a_dylib(f: &mut Formatter<'_>, at: &dyn Display, libraries: &[String]) -> fmt::Result {
    write!(
        f,
        "`tls-keys` is not in module {at} but in a Rust `dylib` that the module needs (it is among \
         {}), so the module's own keys connect to nothing; give the package of that library \
         `crate-type = [\"rlib\"]`",
        libraries.join(", ")
    )
}

fn other_abi(f: &mut Formatter<'_>, at: &dyn Display, module: &str) -> fmt::Result {
    write!(
        f,
        "module {at} was built for version {module} of the interface between modules and hosts, \
         and this host for version 1; build both with the same version of tls-slots"
    )
}

fn not_copied(f: &mut Formatter<'_>, at: &dyn Display) -> fmt::Result {
    write!(
        f,
        "no private copy of module {at} could be made to load it from; see `LoadOptions::source` \
         for other ways"
    )
}

fn replaced(f: &mut Formatter<'_>, at: &dyn Display) -> fmt::Result {
    write!(
        f,
        "module {at} cannot be opened by its own path, as an image of that path is loaded \
         already, by other means or from another build; load it with `Source::Copy`"
    )
}

fn no_entry(
    f: &mut Formatter<'_>,
    at: &dyn Display,
    name: &str,
    entries: &[String],
) -> fmt::Result {
    write!(f, "module {at} has no entry `{name}`; ")?;
    match entries {
        [] => f.write_str("it has none at all: mark the function `#[tokio::module]`"),
        [one] => write!(f, "it has `{one}` only"),
        [first, more @ ..] => {
            write!(f, "it has `{first}`")?;
            more.iter().try_for_each(|entry| write!(f, ", `{entry}`"))
        }
    }
}

fn other_kind(f: &mut Formatter<'_>, at: &dyn Display, name: &str, is_async: bool) -> fmt::Result {
    let (is, other) = match is_async {
        true => ("an `async fn`", "Module::entry"),
        false => ("a `fn`", "Module::function"),
    };
    write!(
        f,
        "entry `{name}` of module {at} is {is}; ask for it with `{other}`"
    )
}

fn other_layout(
    f: &mut Formatter<'_>,
    at: &dyn Display,
    name: &str,
    signature: &str,
) -> fmt::Result {
    write!(
        f,
        "entry `{name}` of module {at} is `{signature}` as the host expects, but a type in it \
         has another size there; build both with the same versions and features of the crates \
         that define these types"
    )
}
