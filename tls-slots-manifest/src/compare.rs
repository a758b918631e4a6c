//! Whether a module fits its host.
//!
//! Every field of a manifest is decided here, by one question: can the layout or the meaning of what the
//! two share depend on it?
//!
//! | what | must it match? | why |
//! | --- | --- | --- |
//! | ABI version | yes | the descriptors of keys and the host's functions change with it |
//! | rustc: version and commit | yes | the layout of Rust's types, and its calling convention, hold for one compiler only; std's types are among them |
//! | target | yes | sizes, and the C types of the system |
//! | panic strategy | yes | the layout of some futures depends on it, and a panic in a module built with `abort` ends the process, where the host counts on an error |
//! | debug assertions | yes | mio and others have fields that are there only with them |
//! | layout probe | yes | `-Z randomize-layout` moves the fields of every type |
//! | a forked crate that both have: version | yes | its types are different types |
//! | … checksum, sources | yes | a version that somebody has changed, or that another recipe was applied to, may have any layout |
//! | … features | yes, each | fields and variants come and go with them; also those of which it is not known, as a release may change that |
//! | … features that only turn on others (`default`, `full`) | no | they do nothing that the others do not tell |
//! | … features that the recipe calls harmless | no | it says why |
//! | … cfgs (`tokio_unstable`, …) | yes, each | as features |
//! | … dependencies that layouts depend on | their versions, where both builds use them | its types contain theirs |
//! | … types | size, alignment, offsets | what none of the above shows: debug assertions of one package only, features of a dependency |
//! | … keys | the module's must be there in the host | one that is not would be private without anybody knowing |
//! | a forked crate that the host has not, or only in a version that cargo would let stand beside it | no | its keys are private to the module: it is like any crate that both link for themselves |
//! | keys that both have | size, alignment, type | the module uses the host's value |
//! | keys that only one has | no | they are private |
//! | keys of `tls-slots` itself | the module has none | it would contain a second registry, which resolves nothing |
//! | source files' names | no | paths of the machine |
//! | global allocator | not here | a file does not tell; the host tries it when the module is loaded |
//! | opt-level, LTO, codegen units, strip, debug info, overflow checks, target-cpu, other dependencies, target folder | not recorded | no layout depends on them |
//!
//! Layouts are the consequence of all else. They are compared only where all else is equal, so that what
//! is said is the cause.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Crate, Key, KeyKind, Manifest};

/// One thing in which a module differs from its host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What differs.
    pub what: String,
    /// The host's value.
    pub host: String,
    /// The module's value.
    pub module: String,
    /// What to do, as a sentence.
    pub fix: String,
}

/// Why a module does not fit its host.
///
/// Its `Display` is a short table, and a sentence for each thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// What differs; not empty. The most fundamental comes first. A module that differs in more than a
    /// thousand points is told the first thousand.
    pub differences: Vec<Difference>,
}

impl std::error::Error for Mismatch {}

/// How many differences a message names.
const ROWS: usize = 12;
/// How wide a column of values may be, and how wide that of their names.
const WIDTH: usize = 44;
const WHAT: usize = 100;
/// How many differences are kept, and how long each of their texts may be. They come from a file that
/// anybody may have made: a long name must not be repeated for each of a million features.
const MOST: usize = 1000;
const LONGEST: usize = 1000;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.differences.len();
        let points = if count == 1 { "point" } else { "points" };
        writeln!(f, "the module does not fit its host in {count} {points}:")?;

        let shown = &self.differences[..count.min(ROWS)];
        let head = ["what", "host", "module"].map(str::to_owned);
        let rows: Vec<[String; 3]> = std::iter::once(head)
            .chain(shown.iter().map(|one| {
                [
                    shortened(&one.what, WHAT),
                    shortened(&one.host, WIDTH),
                    shortened(&one.module, WIDTH),
                ]
            }))
            .collect();
        let width = |at: usize| {
            let widths = rows.iter().map(|row| row[at].chars().count());
            widths.max().unwrap_or_default()
        };
        let (what, host) = (width(0), width(1));
        for [a, b, c] in &rows {
            writeln!(f, "  {a:what$}  {b:host$}  {c}")?;
        }
        if count > ROWS {
            writeln!(f, "  … and {} more", count - ROWS)?;
        }
        let mut said = BTreeSet::new();
        let fixes = shown.iter().filter(|one| said.insert(&one.fix));
        let fixes: Vec<&str> = fixes.map(|one| one.fix.as_str()).collect();
        f.write_str(&fixes.join("\n"))
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().nth(width).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width - 1).collect();
    short.push('…');
    short
}

/// Whether the module fits the host.
///
/// What has to match, and why, is the table in this file's documentation: compiler, target, panic
/// strategy, debug assertions; of each forked crate that both have, version, checksum, sources, features,
/// cfgs, dependencies, layouts; of each key that both have, type, size and alignment.
///
/// # Errors
///
/// [`Mismatch`] names each difference, with both sides' values and what to do about it.
pub fn compare(host: &Manifest, module: &Manifest) -> Result<(), Mismatch> {
    let mut found = Vec::new();
    compare_compilers(host, module, &mut found);
    if module.keys.iter().any(|key| key.package == HOST_HALF) {
        differ(
            &mut found,
            HOST_HALF,
            "linked",
            "linked, too",
            "Take `tls-slots` out of the module's dependencies: it is the host's half, and a process has \
             one host. Under `[dev-dependencies]` it does no harm.",
        );
    }
    let pairs = pairs(host, module, &mut found);
    let same_profile = found.iter().all(|one| one.what != DEBUG);
    for (host, module) in &pairs {
        compare_crates(host, module, same_profile, &mut found);
    }
    if found.is_empty() {
        for (host, module) in &pairs {
            compare_types(host, module, &mut found);
        }
        compare_keys(host, module, &pairs, &mut found);
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(Mismatch { differences: found })
    }
}

/// The package that makes a program a host. It has a key, so that this can be seen.
const HOST_HALF: &str = "tls-slots";

const DEBUG: &str = "debug assertions";

fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn differ(
    found: &mut Vec<Difference>,
    what: impl Into<String>,
    host: impl Into<String>,
    module: impl Into<String>,
    fix: impl Into<String>,
) {
    if found.len() < MOST {
        found.push(Difference {
            what: tidy(what.into()),
            host: tidy(host.into()),
            module: tidy(module.into()),
            fix: tidy(fix.into()),
        });
    }
}

/// A text that a terminal and a log can take: of limited length, on one line, without control
/// characters.
fn tidy(text: String) -> String {
    let is_tidy = |one: char| !one.is_control();
    if text.len() <= LONGEST && text.chars().all(is_tidy) {
        return text;
    }
    let all = text
        .chars()
        .map(|one| if is_tidy(one) { one } else { '\u{FFFD}' });
    shortened(&all.take(LONGEST + 1).collect::<String>(), LONGEST)
}

fn compare_compilers(host: &Manifest, module: &Manifest, found: &mut Vec<Difference>) {
    if host.abi != module.abi {
        differ(
            found,
            "ABI of tls-keys",
            host.abi.to_string(),
            module.abi.to_string(),
            "Build both with forks that the same version of cargo-tls-slots made.",
        );
    }
    let (host, module) = (&host.compiler, &module.compiler);
    let same_compiler = "Build both with the same compiler.";
    if host.rustc != module.rustc {
        differ(found, "compiler", &host.rustc, &module.rustc, same_compiler);
    } else if host.commit != module.commit {
        differ(
            found,
            "commit of the compiler",
            &host.commit,
            &module.commit,
            same_compiler,
        );
    }
    if host.target != module.target {
        let fix = format!("Build the module for {}.", host.target);
        differ(found, "target", &host.target, &module.target, fix);
    }
    if host.panic != module.panic {
        let fix = format!(
            "Build the module with `panic = \"{}\"` in its profile, as the host is.",
            host.panic
        );
        differ(found, "panic strategy", &host.panic, &module.panic, fix);
    }
    if host.debug_assertions != module.debug_assertions {
        differ(
            found,
            DEBUG,
            on(host.debug_assertions),
            on(module.debug_assertions),
            "Build both with the same profile, or set `debug-assertions` alike in both profiles: layouts \
             depend on it.",
        );
    }
    if host.layout_probe != module.layout_probe {
        let order = |probe: u64| format!("order {probe:016x}");
        differ(
            found,
            "order of fields",
            order(host.layout_probe),
            order(module.layout_probe),
            "Build both without `-Z randomize-layout`, or both with it and the same seed.",
        );
    }
}

/// The forked crates that both have; a version that differs is found on the way.
///
/// A crate that is linked twice in one version shares nothing, as its keys are ambiguous: see the
/// registry. It is no pair.
fn pairs<'a>(
    host: &'a Manifest,
    module: &'a Manifest,
    found: &mut Vec<Difference>,
) -> Vec<(&'a Crate, &'a Crate)> {
    let (ours, theirs) = (by_name(host), by_name(module));
    let mut pairs = Vec::new();
    for (name, versions) in &theirs {
        let Some(ours) = ours.get(name) else {
            continue;
        };
        for (version, theirs) in versions {
            match (ours.get(version), theirs) {
                (Some(Some(ours)), Some(theirs)) => pairs.push((*ours, *theirs)),
                (Some(_), _) => {}
                (None, _) => {
                    // Cargo links 0.8 and 0.9 of a crate into one program, and they share nothing there.
                    let mut ours = ours.keys();
                    let Some(ours) = ours.find(|ours| compatible(ours, version)) else {
                        continue;
                    };
                    let fix = format!(
                        "Use {name} {ours} in the module, as in the host: `cargo update {name} --precise {ours}`, with \
                         the fork of that version."
                    );
                    differ(found, format!("{name}: version"), *ours, *version, fix);
                }
            }
        }
    }
    pairs
}

/// Crates by name and version; `None` where there are several.
fn by_name(manifest: &Manifest) -> BTreeMap<&str, BTreeMap<&str, Option<&Crate>>> {
    let mut crates = BTreeMap::<_, BTreeMap<_, _>>::new();
    for one in &manifest.crates {
        let versions = crates.entry(one.name.as_str()).or_default();
        versions
            .entry(one.version.as_str())
            .and_modify(|known| *known = None)
            .or_insert(Some(one));
    }
    crates
}

/// Whether cargo takes two versions as one that can be exchanged for the other.
fn compatible(one: &str, other: &str) -> bool {
    fn significant(version: &str) -> Vec<&str> {
        let release = version.split(['-', '+']).next().unwrap_or_default();
        let mut parts = Vec::new();
        for part in release.split('.') {
            parts.push(part);
            if part != "0" {
                break;
            }
        }
        parts
    }
    significant(one) == significant(other)
}

fn compare_crates(host: &Crate, module: &Crate, same_profile: bool, found: &mut Vec<Difference>) {
    let name = &host.name;
    if host.checksum != module.checksum {
        differ(
            found,
            format!("{name}: checksum"),
            &host.checksum,
            &module.checksum,
            format!(
                "Fork {name} {} from the same registry for both: one side's release was changed.",
                host.version
            ),
        );
    } else if host.source != module.source {
        differ(
            found,
            format!("{name}: sources"),
            &host.source,
            &module.source,
            format!(
                "Fork {name} {} for both with the same version of cargo-tls-slots, and do not edit the fork.",
                host.version
            ),
        );
    }

    let enabled =
        |one: &Crate| -> BTreeSet<String> { one.enabled_features().map(str::to_owned).collect() };
    let (ours, theirs) = (enabled(host), enabled(module));
    for feature in ours.symmetric_difference(&theirs).take(MOST) {
        let (lacks, has) = if ours.contains(feature) {
            ("module", "host")
        } else {
            ("host", "module")
        };
        differ(
            found,
            format!("{name}: feature `{feature}`"),
            on(ours.contains(feature)),
            on(theirs.contains(feature)),
            format!(
                "Enable the feature `{feature}` of {name} in the {lacks}, or disable it in the {has}."
            ),
        );
    }

    let set = |one: &Crate| -> BTreeSet<String> {
        let set = one.cfgs.iter().filter(|cfg| cfg.enabled);
        set.map(|cfg| cfg.name.clone()).collect()
    };
    let (ours, theirs) = (set(host), set(module));
    for cfg in ours.symmetric_difference(&theirs).take(MOST) {
        let fix = if cfg == "debug_assertions" {
            if !same_profile {
                continue;
            }
            format!(
                "Build {name} with the same debug assertions on both sides: see RUSTFLAGS, and \
                 `[profile.….package.{name}]`."
            )
        } else {
            format!("Build both with `--cfg {cfg}` in RUSTFLAGS, or both without it.")
        };
        differ(
            found,
            format!("{name}: cfg `{cfg}`"),
            on(ours.contains(cfg)),
            on(theirs.contains(cfg)),
            fix,
        );
    }

    // One that a build does not ask for is not there, whatever the fork is pinned to. What asks for it
    // are features and cfgs, which were compared above.
    let used = |one: &Crate| -> BTreeMap<String, String> {
        let used = one.dependencies.iter().filter(|one| one.enabled);
        used.filter(|one| !one.version.is_empty())
            .map(|one| (one.name.clone(), one.version.clone()))
            .collect()
    };
    let (ours, theirs) = (used(host), used(module));
    for (dependency, ours) in &ours {
        let Some(theirs) = theirs.get(dependency).filter(|theirs| *theirs != ours) else {
            continue;
        };
        differ(
            found,
            format!("{name}: dependency {dependency}"),
            ours,
            theirs,
            format!(
                "Use {dependency} {ours} in the module, as in the host: build both with one fork of {name}, or \
                 fork with `--lockfile` of the host's Cargo.lock."
            ),
        );
    }
}

fn compare_types(host: &Crate, module: &Crate, found: &mut Vec<Difference>) {
    // A name may stand for several types, which are then told in the same order.
    fn by_name(one: &Crate) -> BTreeMap<&str, Vec<&crate::Type>> {
        let mut types = BTreeMap::<_, Vec<_>>::new();
        for one in &one.types {
            types.entry(one.name.as_str()).or_default().push(one);
        }
        types
    }
    let (ours, theirs) = (by_name(host), by_name(module));
    let pairs = theirs.iter().filter_map(|(name, theirs)| {
        let mut both = ours.get(name)?.iter().zip(theirs);
        both.find(|(ours, theirs)| ours != theirs)
    });
    let within = format!("{}::", host.name.replace('-', "_"));
    for (ours, theirs) in pairs {
        let same_size = (ours.size, ours.align) == (theirs.size, theirs.align);
        let layout = |one: &crate::Type| match same_size {
            // Half of the hash is enough to see that they differ, and fits the column.
            true => format!(
                "{}, fields {:08x}",
                sized(one.size, one.align),
                one.fields as u32
            ),
            false => sized(one.size, one.align),
        };
        differ(
            found,
            format!("layout of {}", theirs.name.replace("crate::", &within)),
            layout(ours),
            layout(theirs),
            format!(
                "Build {} and its dependencies alike on both sides: a layout differs, though compiler, versions, \
                 features and cfgs agree. Look for debug assertions of single packages (RUSTFLAGS, \
                 `[profile.….package.…]`) and for features of its dependencies.",
                host.name
            ),
        );
    }
}

fn sized(size: u64, align: u64) -> String {
    let bytes = if size == 1 { "byte" } else { "bytes" };
    format!("{size} {bytes}, alignment {align}")
}

/// What makes two keys the same, as far as a manifest tells. Two that differ in the function they are
/// declared in look the same here; the registry knows more.
type Identity<'a> = (KeyKind, &'a str, &'a str, &'a str, &'a str, u32, u32);

fn identity(key: &Key) -> Identity<'_> {
    (
        key.kind,
        &key.package,
        &key.version,
        &key.path,
        &key.name,
        key.line,
        key.column,
    )
}

/// Keys by identity; `None` where several have it.
fn by_identity(manifest: &Manifest) -> BTreeMap<Identity<'_>, Option<&Key>> {
    let mut keys = BTreeMap::new();
    for key in &manifest.keys {
        keys.entry(identity(key))
            .and_modify(|known| *known = None)
            .or_insert(Some(key));
    }
    keys
}

fn compare_keys(
    host: &Manifest,
    module: &Manifest,
    pairs: &[(&Crate, &Crate)],
    found: &mut Vec<Difference>,
) {
    let (ours, theirs) = (by_identity(host), by_identity(module));
    for (identity, theirs) in theirs {
        let (kind, package, version, path, name, ..) = identity;
        let what = format!("{kind} {path}::{name}");
        let Some(ours) = ours.get(&identity) else {
            let forked =
                |(one, _): &(&Crate, &Crate)| one.name == package && one.version == version;
            if pairs.iter().any(forked) {
                differ(
                    found,
                    what,
                    "is not there",
                    "is there",
                    format!(
                        "Build the host again, with the fork of {package} that the module is built with: what \
                         {package} shares must be there in the host."
                    ),
                );
            }
            continue;
        };
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            continue;
        };
        let describe = |key: &Key| {
            let size = sized(key.size, key.align);
            match ours.type_text == theirs.type_text {
                true => size,
                false => format!("{}: {size}", key.type_text),
            }
        };
        if (ours.size, ours.align, &ours.type_text)
            != (theirs.size, theirs.align, &theirs.type_text)
        {
            differ(
                found,
                what,
                describe(ours),
                describe(theirs),
                format!(
                    "Build both with the same features of {package} {version}, the same cfgs and the same \
                     versions of its dependencies."
                ),
            );
        }
    }
}
