//! Types that cross by entries, of a crate that is no fork and declares no key. Host and module are
//! built apart; `types_value` has one type, of one name and one size, whose content depends on a
//! feature.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::process;
use tls_slots_tests::project::Project;

/// Another profile: the compiler's ids of all types change, and no layout does.
const OTHER_PROFILE: &str = "profile.dev.package.types-value.opt-level=1";

/// What the host says of a module. `features` are those of host and module.
fn says(features: [&str; 2], profile: Option<&str>, trusted: Option<&str>) -> String {
    let host = Project::new("types_host").features(features[0]).built();
    let mut module = Project::new("types_module").features(features[1]);
    if let Some(profile) = profile {
        module = module.config(profile);
    }
    let mut host = Command::new(host);
    host.arg(module.built()).args(trusted);
    let ended = process::run(&mut host, Duration::from_secs(60));
    ended.assert_success();
    ended.stdout.clone()
}

const WORKS: &str = "LOAD ok\nENTRY ok\nRESULT 42\n";

#[test]
fn built_alike() {
    assert_eq!(says(["", ""], None, None), WORKS);
}

/// Without the comparison of ids this was the end of the process, in safe code.
#[test]
fn a_feature_that_changes_what_is_in_a_type() {
    let said = says(["", "precise"], None, None);
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    assert!(said.contains("cargo tls-slots agree types_value"), "{said}");
    // The crate says so itself, and before anything of the module runs.
    let said = says(["agree", "agree precise"], None, None);
    assert!(said.starts_with("LOAD "), "{said}");
    assert!(
        said.contains("types-value: cfg `feature=\"precise\"`"),
        "{said}"
    );
}

#[test]
fn a_profile_that_changes_nothing() {
    let said = says(["", ""], Some(OTHER_PROFILE), None);
    assert!(
        said.starts_with("LOAD ok\nENTRY the entry `double`"),
        "{said}"
    );
    // The host's word, or that of the crate.
    assert_eq!(
        says(["", ""], Some(OTHER_PROFILE), Some("types-value")),
        WORKS
    );
    assert_eq!(says(["agree", "agree"], Some(OTHER_PROFILE), None), WORKS);
}
