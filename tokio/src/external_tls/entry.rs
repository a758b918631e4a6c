//! Calls of a module's functions by its host, with panics caught on the module's side.
//!
//! A panic that leaves the image it was raised in is a foreign exception to the next one, which
//! aborts the process. It is caught here, in code that is compiled into the module: around
//! each poll, around the drop of the future, and around the drop of the panic's payload. The
//! panic may also be the host's, whose code the function may call back.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use tls_keys::panic::{catch_unwind, discard_panic};

pub use tls_keys::entry::{Entry, EntryFuture, EntryPanic};

/// Runs a function on behalf of the host.
pub fn call<R>(function: impl FnOnce() -> R) -> Result<R, EntryPanic> {
    catch_unwind(AssertUnwindSafe(function)).map_err(caught)
}

/// Runs a future on behalf of the host.
pub fn call_async<F>(future: F) -> EntryFuture<F::Output>
where
    F: Future + Send + 'static,
{
    Box::pin(Guarded {
        future: Some(future),
    })
}

pin_project! {
    /// A future whose panics are results.
    struct Guarded<F> {
        // `None` once it has ended.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Nobody waits for the result of a future that is dropped: the panic hook has
            // printed the message.
            let _ = call(|| this.future.set(None));
        }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, EntryPanic>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut output = None;
        // What comes back fits a register, which `catch_unwind` makes use of.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            match this.future.as_mut().as_pin_mut() {
                Some(future) => match future.poll(cx) {
                    Poll::Ready(ready) => {
                        output = Some(ready);
                        true
                    }
                    Poll::Pending => false,
                },
                None => panic!("a module's entry was polled after it had ended"),
            }
        }));
        match polled {
            Ok(false) => Poll::Pending,
            Ok(true) => Poll::Ready(ended(this.future, Ok(output))),
            Err(payload) => Poll::Ready(ended(this.future, Err(payload))),
        }
    }
}

/// The result of a future that has ended. Apart, so that the polls before carry none of it.
#[inline(never)]
fn ended<F: Future>(
    mut future: Pin<&mut Option<F>>,
    polled: std::thread::Result<Option<F::Output>>,
) -> Result<F::Output, EntryPanic> {
    let dropped = call(|| future.set(None));
    match polled {
        Err(payload) => Err(caught(payload)),
        // It was ready.
        Ok(None) => unreachable!("a module's entry ended without a result"),
        Ok(Some(output)) => dropped.map(|()| output),
    }
}

fn caught(payload: Box<dyn Any + Send>) -> EntryPanic {
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a panic without a text)".to_owned()
    };
    // A payload may panic when it is dropped.
    discard_panic(|| drop(payload));
    EntryPanic::new(message)
}
