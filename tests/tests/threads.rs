//! Thread ids that no two images have, and what goes wrong where they collide. The cases are in
//! `fixtures/threads_host`; the module has no tokio.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use tls_slots_tests::process::{self, Ended};
use tls_slots_tests::project::Project;

struct Built {
    host: PathBuf,
    /// The same file under several names: each is a module of its own.
    modules: Vec<PathBuf>,
}

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    let module = Project::new("threads_module").built();
    let modules = (0..3).map(|at| {
        let copy = module.with_file_name(format!("libthreads_{at}.so"));
        std::fs::copy(&module, &copy).expect("the target folder is ours");
        copy
    });
    Built {
        host: Project::new("threads_host").built(),
        modules: modules.collect(),
    }
});

fn run(case: &str, policy: &str) -> Ended {
    let mut command = Command::new(&BUILT.host);
    command.args([case, policy]).args(&BUILT.modules);
    let ended = process::run(&mut command, Duration::from_secs(60));
    ended.assert_success();
    ended
}

#[track_caller]
fn gives(case: &str, policy: &str, result: &str) {
    let ended = run(case, policy);
    assert_eq!(ended.result(), Some(result), "{ended}");
}

#[test]
fn a_channel_wakes_the_other_images_thread() {
    gives("channel", "move", "ok");
    gives("channel", "burn", "ok");
    // The control: the receiver takes the sender for itself.
    gives("channel", "leave", "hang");
}

#[test]
fn a_wrapped_value_is_refused_to_the_other_images_thread() {
    gives("wrapper", "move", "ok");
    gives("wrapper", "burn", "ok");
    // The control: data of one thread, written by another.
    gives("wrapper", "leave", "written by another thread");
}

#[test]
fn ids_are_unique_over_all_images() {
    // Which module comes first, and what the host's threads do meanwhile, is another each time.
    for _ in 0..40 {
        gives("unique", "move", "ok");
    }
    gives("unique", "burn", "ok");
    gives("unique", "leave", "collision");
}

#[test]
fn names_stay_with_the_std_that_gave_them() {
    gives("names", "move", "ok");
}

#[test]
fn a_range_is_not_used_again() {
    gives("reload", "move", "ok");
}
