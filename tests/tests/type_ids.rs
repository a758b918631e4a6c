//! What `TypeId`s are equal on both sides of the boundary, and so what `Any` and its like find.
//!
//! The compiler makes a type's `TypeId` from the type's path and from an id of its crate. cargo
//! says what goes into that id: name, version, source, features, profile, dependencies. So two
//! builds of one type may disagree about its id, and a downcast fails without a word.
//!
//! Each row of [`WAYS`] is a module that was built in one other way than the host. The host prints
//! its own and the module's ids, and what became of real values. What is seen must be the table of
//! `docs/type-ids.md`; `SNAPSHOTS=overwrite` writes that anew. A type is never looked at alone: it
//! must go with its crate, as the page says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::project::Project;
use tls_slots_tests::{Place, process, sanitizer};

/// The crates that types go by, as the fixture names them, with the heads of their columns.
const COLUMNS: [(&str, &str); 6] = [
    ("std", "std"),
    ("tokio", "tokio, forked"),
    ("anyhow", "anyhow"),
    ("http", "http"),
    ("path", "a path crate"),
    ("agreed", "one with `agree!`"),
];

/// How a module is built, and what it is compared with.
struct Way {
    /// What differs.
    what: &'static str,
    /// The module's project.
    module: fn() -> Project,
    /// Another module instead of the host.
    other: Option<fn() -> Project>,
}

const fn way(what: &'static str, module: fn() -> Project) -> Way {
    Way {
        what,
        module,
        other: None,
    }
}

/// Sources and forks as on another machine.
const ELSEWHERE: Place = Place {
    forks: Some(&["tokio"]),
    ..Place::at("ids another machine")
};

/// One dependency of tokio and of http in another release.
const OTHER_BYTES: Place = Place {
    locked: &[(
        "bytes",
        "1.11.1",
        "1e748733b7cbc798e1434b6ac524f0c1ff2ab456fe201501e6497c8417a4fc33",
    )],
    ..Place::at("ids bytes")
};

/// A module in a workspace of its own.
fn module() -> Project {
    Project::new("ids/module")
}

/// The same module, in a workspace that has the path crates in it.
fn workspace() -> Project {
    Project::new("ids")
}

const WAYS: &[Way] = &[
    way("nothing", module),
    way("another target folder", || module().apart("ids-apart")),
    way("`opt-level = 1` for the module's own crate", || {
        module()
            .config("profile.dev.opt-level=1")
            .config("profile.dev.package.\"*\".opt-level=0")
    }),
    way("`opt-level = 1`", || {
        module().config("profile.dev.opt-level=1")
    }),
    way("`opt-level = 1` for http", || {
        module().config("profile.dev.package.http.opt-level=1")
    }),
    way("`lto = \"thin\"`", || {
        module().config("profile.dev.lto=\"thin\"")
    }),
    way("`debug = 1`", || {
        module().config("profile.dev.package.\"*\".debug=1")
    }),
    way("`CARGO_INCREMENTAL=1`", || {
        module().env("CARGO_INCREMENTAL", "1")
    }),
    way(
        "a feature more of tokio, anyhow and the path crates",
        || module().features("more"),
    ),
    way("`RUSTFLAGS=\"--cfg unasked\"`", || {
        module().env("RUSTFLAGS", "--cfg unasked")
    }),
    way("`--remap-path-prefix`", || {
        module().env("RUSTFLAGS", "--remap-path-prefix=/=/mapped/")
    }),
    way("`--target`, which is the host's", || {
        module().target("x86_64-unknown-linux-gnu")
    }),
    way("another folder, forks and path crates in it", || {
        module().at(ELSEWHERE)
    }),
    way("a workspace around the path crates", workspace),
    Way {
        other: Some(workspace),
        ..way("such a workspace on both sides, in two folders", || {
            workspace().at(ELSEWHERE)
        })
    },
    Way {
        other: Some(|| workspace().forks_inside()),
        ..way("the same, with the forks in it", || {
            workspace().at(ELSEWHERE).forks_inside()
        })
    },
    Way {
        other: Some(|| workspace().forks_inside()),
        ..way("the same, and bytes 1.11.1 on one side", || {
            workspace().at(OTHER_BYTES).forks_inside()
        })
    },
];

/// What the host said of a module.
struct Seen {
    /// Crate, type, the host's id, the module's id.
    ids: Vec<[String; 4]>,
    /// What became of real values: `yes`, `no`, `refused`.
    values: BTreeMap<String, String>,
}

fn see(module: &Project) -> Seen {
    let host = Project::new("ids/host").built();
    let ended = process::run(
        Command::new(host).arg(module.built()),
        Duration::from_secs(60),
    );
    ended.assert_ok();
    let lines = |word| {
        let of = move |line: &str| -> Option<Vec<String>> {
            let rest = line.strip_prefix(word)?;
            Some(rest.split('|').map(str::to_owned).collect())
        };
        ended.stdout.lines().filter_map(of)
    };
    let ids = lines("ID ").map(|cells| cells.try_into().expect("four cells"));
    let values = lines("VALUE ").map(|cells| match <[String; 2]>::try_from(cells) {
        Ok(cells) => cells.into(),
        Err(cells) => panic!("not two cells: {cells:?}"),
    });
    Seen {
        ids: ids.collect(),
        values: values.collect(),
    }
}

/// The row of the table. Fails if a type does not go with its crate.
fn row(way: &Way) -> String {
    let mut seen = see(&(way.module)());
    if let Some(other) = way.other {
        for (id, other) in seen.ids.iter_mut().zip(see(&other()).ids) {
            // The ids of two modules.
            id[2].clone_from(&other[3]);
        }
    }
    let mut equal: BTreeMap<&str, bool> = BTreeMap::new();
    for [of, kind, our, their] in &seen.ids {
        let known = *equal.entry(of).or_insert(our == their);
        assert_eq!(known, our == their, "{}: {kind} is not as {of}", way.what);
    }
    let word = |of: &str| if equal[of] { "equal" } else { "differ" };
    let mut row = format!("| {} |", way.what);
    for (of, _) in COLUMNS {
        let _ = write!(row, " {} |", word(of));
    }
    let own = word("own");
    match way.other {
        None => {
            assert_eq!(own, "differ", "{}: two crates, one type", way.what);
            // Values go with their types.
            let found = |equal| if equal { "yes" } else { "no" };
            for (by, of) in [("any", "path"), ("any of std", "std")]
                .into_iter()
                .chain(["anyhow", "extensions", "tracing"].map(|by| (by, "path")))
                .chain(["anyhow of std", "extensions of std"].map(|by| (by, "std")))
            {
                assert_eq!(seen.values[by], found(equal[of]), "{}: {by}", way.what);
            }
            assert_eq!(seen.values.len(), 8);
            let _ = writeln!(row, " {} |", seen.values["task_local"]);
        }
        // Nothing crosses between modules here.
        Some(_) => row.push_str(" – |\n"),
    }
    row
}

#[test]
fn the_page_says_what_is_seen() {
    if sanitizer::chosen().is_some() {
        return println!("skipped: builds of other kinds than the sanitizer's are the point");
    }
    let mut table = "| what differs |".to_owned();
    for (_, head) in COLUMNS {
        let _ = write!(table, " {head} |");
    }
    table.push_str(" a `task_local!` |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    table.extend(WAYS.iter().map(row));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/type-ids.md");
    let page = fs::read_to_string(&path).expect("the page is there");
    let begin = "<!-- tests/tests/type_ids.rs writes this table -->\n\n";
    let (head, rest) = page.split_once(begin).expect("the mark is there");
    let (old, tail) = rest.split_once("\n\n").expect("a table ends");
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        let new = format!("{head}{begin}{table}\n{tail}");
        return fs::write(&path, new).expect("it can be written");
    }
    assert!(
        format!("{old}\n") == table,
        "docs/type-ids.md has another table; SNAPSHOTS=overwrite writes this one:\n{table}"
    );
}
