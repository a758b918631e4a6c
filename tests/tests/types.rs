//! Types that cross by entries, of a crate that is no fork and declares no key. Host and module are
//! built apart; `types_value` has one type, of one name and one size, whose content depends on a
//! feature.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tls_slots_tests::Place;
use tls_slots_tests::process;
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// Another profile: the compiler's ids of all types change, and no layout does.
const OTHER_PROFILE: &str = "profile.dev.package.types-value.opt-level=1";

/// The library of `types-value` is called `valued`.
const OTHER_LIB_NAME: Place = Place {
    edit: Some(|path, text| with_lib_name("valued", path, text)),
    ..Place::at("types/lib-name")
};

/// The library of `types-value` is called `core`, as some workspaces call their main crate.
const CALLED_CORE: Place = Place {
    edit: Some(|path, text| match path.strip_prefix("fixtures") {
        // The host and the module know it by another name. Else it would hide the real one.
        Ok(path) if path.ends_with("Cargo.toml") && !path.starts_with("types_value") => text
            .replace("types-value = {", "valued = { package = \"types-value\",")
            .replace("\"types-value/", "\"valued/"),
        _ => with_lib_name("core", path, text),
    }),
    ..Place::at("types/core")
};

/// Gives the library of `types-value` a name. Host and module call it `valued`.
fn with_lib_name(name: &str, path: &Path, text: &str) -> String {
    let path = path.strip_prefix("fixtures").unwrap_or(path);
    match path.to_str() {
        Some("types_value/Cargo.toml") => text.replace(
            "[features]",
            &format!("[lib]\nname = \"{name}\"\n\n[features]"),
        ),
        Some("types_host/src/main.rs" | "types_module/src/lib.rs") => {
            text.replace("use types_value::", "use valued::")
        }
        _ => text.to_owned(),
    }
}

/// What the host says of a module. `features` are those of host and module.
fn says(features: [&str; 2], profile: Option<&str>, trusted: &[&str]) -> String {
    says_at(None, features, profile, trusted)
}

/// The same, with both built from sources of their own.
fn says_at(
    place: Option<Place>,
    features: [&str; 2],
    profile: Option<&str>,
    trusted: &[&str],
) -> String {
    let project = |fixture, features| {
        let project = Project::new(fixture).features(features);
        match place {
            Some(place) => project.at(place),
            None => project,
        }
    };
    let host = project("types_host", features[0]).built();
    let mut module = project("types_module", features[1]);
    if let Some(profile) = profile {
        module = module.config(profile);
    }
    let mut host = Command::new(host);
    host.arg(module.built()).args(trusted);
    let ended = process::run(&mut host, DEADLINE);
    ended.assert_success();
    ended.stdout.clone()
}

const WORKS: &str = "LOAD ok\nENTRY ok\nRESULT 42\n";

#[test]
fn built_alike() {
    assert_eq!(says(["", ""], None, &["-"]), WORKS);
}

/// Without the comparison of ids this was the end of the process, in safe code.
#[test]
fn a_feature_that_changes_what_is_in_a_type() {
    let said = says(["", "precise"], None, &["-"]);
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    assert!(said.contains("cargo tls-slots agree types_value"), "{said}");
    // The crate says so itself, and before anything of the module runs.
    let said = says(["agree", "agree precise"], None, &["-"]);
    assert!(said.starts_with("LOAD "), "{said}");
    assert!(
        said.contains("types-value: cfg `feature=\"precise\"`"),
        "{said}"
    );
}

#[test]
fn a_profile_that_changes_nothing() {
    let said = says(["", ""], Some(OTHER_PROFILE), &["-"]);
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    // The host's word, or that of the crate.
    assert_eq!(says(["", ""], Some(OTHER_PROFILE), &["types-value"]), WORKS);
    assert_eq!(says(["agree", "agree"], Some(OTHER_PROFILE), &["-"]), WORKS);
}

/// `agree!` is about the crate, whatever its library is called: a type's name begins with the
/// library's name. It was refused before, by the name of a package that does not exist.
#[test]
fn a_library_that_has_not_the_packages_name() {
    let says = |features, trusted| {
        says_at(
            Some(OTHER_LIB_NAME),
            features,
            Some(OTHER_PROFILE),
            &[trusted],
        )
    };
    assert_eq!(says(["agree", "agree"], "-"), WORKS);
    // The host trusts by the package's name, where a record tells of the package.
    let said = says(["", ""], "-");
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    assert_eq!(says(["", ""], "valued"), WORKS);
}

/// The first release took each name that begins with `core::` for one of the standard library's.
#[test]
fn a_crate_that_is_called_core() {
    let says = |features| says_at(Some(CALLED_CORE), features, None, &["-"]);
    assert_eq!(says(["", ""]), WORKS);
    let said = says(["", "precise"]);
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    assert!(
        said.contains("`fn(core::Number) -> core::Number`"),
        "{said}"
    );
}

/// Each load has its own word, though both give one image.
#[test]
fn a_second_load_trusts_for_itself() {
    let refused = "LOAD ok\nENTRY the entry `double`";
    let said = says(["", ""], Some(OTHER_PROFILE), &["types-value", "-"]);
    let second = said.strip_prefix(WORKS).expect("the first is trusted");
    assert!(second.starts_with(refused), "{said}");
    let said = says(["", ""], Some(OTHER_PROFILE), &["-", "types-value"]);
    assert!(said.starts_with(refused) && said.ends_with(WORKS), "{said}");
}

/// A path dependency whose sources have changed has the same ids: they are not enough for a host
/// that wants to know.
#[test]
fn a_change_that_no_id_shows() {
    let host = Project::new("types_host").built();
    let module = Project::new("types_module").env("TYPES_VALUE_PLACE", "second");
    let says = |trusted| {
        let mut host = Command::new(&host);
        let ended = process::run(host.arg(module.built()).arg(trusted), DEADLINE);
        ended.assert_success();
        ended.stdout.clone()
    };
    // The control: the module reads the number where there is none.
    assert_eq!(says("-"), WORKS.replace("42", "0"));
    let said = says("strict");
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    assert!(said.contains("cargo tls-slots agree types_value"), "{said}");
}

#[test]
fn what_is_agreed_is_strict_enough() {
    assert_eq!(says(["agree", "agree"], None, &["strict"]), WORKS);
    assert_eq!(
        says(["agree", "agree"], Some(OTHER_PROFILE), &["strict"]),
        WORKS
    );
}
