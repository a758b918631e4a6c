//! What the tests of a conformance module register with, and the entries that its host calls.
//!
//! A panic is judged here, in the module: it must not reach the host, whose copy of std did not
//! start it.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Poll};

/// One test, as the attribute registers it.
pub struct Test {
    pub module: &'static str,
    pub name: &'static str,
    pub is_async: bool,
    pub args: &'static str,
    pub ignored: bool,
    pub should_panic: Option<&'static str>,
    pub body: fn() -> Body,
    /// The test that was registered before.
    pub next: AtomicPtr<Test>,
}

/// A test that is not registered yet.
#[allow(clippy::declare_interior_mutable_const)]
pub const NEXT: AtomicPtr<Test> = AtomicPtr::new(std::ptr::null_mut());

/// The test that was registered last: the head of a list that ends with null. Its elements are
/// statics, so they live as long as the module does.
static LAST: AtomicPtr<Test> = AtomicPtr::new(std::ptr::null_mut());

/// Called by a constructor of each test, while the module is being loaded by one thread.
pub fn register(test: &'static Test) {
    let before = LAST.swap(std::ptr::from_ref(test).cast_mut(), Ordering::AcqRel);
    test.next.store(before, Ordering::Release);
}

/// All registered tests.
fn tests() -> impl Iterator<Item = &'static Test> {
    // SAFETY: the list holds only `&'static Test`s, and ends with null.
    let load = |pointer: &AtomicPtr<Test>| unsafe { pointer.load(Ordering::Acquire).as_ref() };
    std::iter::successors(load(&LAST), move |test| load(&test.next))
}

impl Test {
    /// `file::module::name`, as `file` and libtest's name make it.
    fn full_name(&self) -> String {
        let module = self
            .module
            .split_once("::")
            .map_or("", |(_, module)| module);
        format!("{module}::{}", self.name)
    }
}

/// How a test ended; the error says why it failed.
type Verdict = Result<(), String>;

/// What a test's function returns.
pub trait Outcome {
    /// Whether the returned value means that the test passed.
    fn outcome(self) -> Verdict;
}

impl Outcome for () {
    fn outcome(self) -> Verdict {
        Ok(())
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn outcome(self) -> Verdict {
        match self {
            Ok(value) => value.outcome(),
            Err(error) => Err(format!("the test returned Err({error:?})")),
        }
    }
}

/// A test's function, called or ready to be.
pub enum Body {
    Call(Box<dyn FnOnce() -> Verdict>),
    Future(Pin<Box<dyn Future<Output = Verdict>>>),
}

impl Body {
    /// The function of a `#[test]`, to be called.
    pub fn call<R: Outcome + 'static>(function: fn() -> R) -> Self {
        Body::Call(Box::new(move || function().outcome()))
    }

    /// The function of a `#[tokio::test]`, whose future is made when it is first polled.
    pub fn future<F>(function: fn() -> F) -> Self
    where
        F: Future + 'static,
        F::Output: Outcome,
    {
        Body::Future(Box::pin(async move { function().await.outcome() }))
    }
}

/// Whether a test passed, from how it ended and how it should.
///
/// `should_panic` is the text that a panic must contain; the empty one is contained in every text.
fn judge(ended: Result<Verdict, Box<dyn Any + Send>>, should_panic: Option<&str>) -> Verdict {
    match (ended, should_panic) {
        (Ok(verdict), None) => verdict,
        (Ok(_), Some(_)) => Err("the test did not panic as expected".to_owned()),
        (Err(payload), None) => Err(format!("panicked: {}", text(&*payload))),
        (Err(payload), Some(expected)) => match text(&*payload) {
            found if found.contains(expected) => Ok(()),
            found => Err(format!("panicked with {found:?}, not with {expected:?}")),
        },
    }
}

/// The text of a panic.
fn text(payload: &(dyn Any + Send)) -> String {
    match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "(a panic without a text)".to_owned(),
    }
}

/// A test's future that ends where the test panics.
struct Guarded {
    future: Option<Pin<Box<dyn Future<Output = Verdict>>>>,
    should_panic: Option<&'static str>,
}

impl Future for Guarded {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let mut future = self.future.take().expect("polled after it ended");
        let ended = match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {
                self.future = Some(future);
                return Poll::Pending;
            }
            Ok(Poll::Ready(verdict)) => Ok(verdict),
            Err(payload) => Err(payload),
        };
        // What is left of the test goes here, in the module, where a panic can be caught.
        let ended = catch_unwind(AssertUnwindSafe(|| drop(future))).and(ended);
        Poll::Ready(judge(ended, self.should_panic))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let future = self.future.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }
}

/// The test of that name.
fn find(name: &str) -> Option<&'static Test> {
    tests().find(|test| test.full_name() == name)
}

/// `name`, kind, `#[tokio::test]`'s arguments and `ignored` of each test, tabs between.
#[tokio::module]
pub fn conformance_list() -> Vec<String> {
    let line = |test: &Test| {
        let kind = if test.is_async { "async" } else { "sync" };
        let ignored = if test.ignored { "ignored" } else { "" };
        let args = test.args.replace(['\n', '\t'], " ");
        format!("{}\t{kind}\t{args}\t{ignored}", test.full_name())
    };
    tests().map(line).collect()
}

/// Runs a `#[test]` on the calling thread, as it is.
#[tokio::module]
pub fn conformance_call(name: String) -> Result<(), String> {
    let test = find(&name).ok_or("no such test")?;
    match (test.body)() {
        Body::Call(call) => judge(catch_unwind(AssertUnwindSafe(call)), test.should_panic),
        Body::Future(_) => Err("not a `#[test]`".to_owned()),
    }
}

/// The body of a `#[tokio::test]`, for a runtime of the host.
#[tokio::module]
pub fn conformance_future(
    name: String,
) -> Result<Pin<Box<dyn Future<Output = Result<(), String>>>>, String> {
    let test = find(&name).ok_or("no such test")?;
    match (test.body)() {
        Body::Future(future) => Ok(Box::pin(Guarded {
            future: Some(future),
            should_panic: test.should_panic,
        })),
        Body::Call(_) => Err("not a `#[tokio::test]`".to_owned()),
    }
}
