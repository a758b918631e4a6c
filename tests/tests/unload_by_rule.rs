//! What a module leaves in the state of crates that are forked by rule, as nobody has written a
//! recipe for them; and in the statics of another module.
//!
//! The cases are those of `fixtures/crates_rule_host`, which says what each does.

use std::process::Command;
use std::time::Duration;

use tls_slots_tests::Place;
use tls_slots_tests::process;
use tls_slots_tests::project::Project;

const DEADLINE: Duration = Duration::from_secs(60);

/// Forks of what host and module link: `prometheus` by rule, and a crate below it by its recipe.
const BY_RULE: Place = Place {
    forks: Some(&["prometheus", "parking_lot_core"]),
    ..Place::at("by-rule")
};

fn works(case: &str, features: &str, release: bool) {
    let project = |fixture| Project::new(fixture).at(BY_RULE).release(release);
    let host = project("crates_rule_host").built();
    let module = project("crates_rule_module").features(features).built();
    let ended = process::run(Command::new(host).arg(case).arg(module), DEADLINE);
    ended.assert_ok();
}

macro_rules! cases {
    ($($name:ident $features:literal,)*) => {
        $(#[test]
        fn $name() {
            for release in [false, true] {
                works(stringify!($name), $features, release);
            }
        })*
    };
}

cases! {
    prometheus_alone "",
    prometheus_registered "",
    prometheus_trusted "",
    inventory_list "listed",
}
