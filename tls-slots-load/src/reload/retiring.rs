//! An old build on its way out: first nobody may hold it any more, then it is unloaded.
//!
//! Each step may take long, and the worker must not wait for one build only. So a build is a state
//! machine, and [`Retiring::advance`] goes as far as it can without waiting:
//!
//! | step | next |
//! | --- | --- |
//! | [`Step::Held`]: somebody has a [`Generation`] | `Unloading` or `Driven` when nobody has it |
//! | [`Step::Unloading`]: the worker polls the [`Unload`] | gone, or `Retry` |
//! | [`Step::Driven`]: the host polls it ([`ReloadOptions::drive`]) | gone, or `Retry` |
//! | [`Step::Retry`]: it was not unloaded | `Unloading` or `Driven`, after a while |

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tls_keys::panic::discard_panic;

use super::event::ReloadEvent;
use super::generation::{Generation, Work};
use super::message::{Alarm, End, Message};
use super::options::ReloadOptions;
use crate::clock::after;
use crate::module::Module;
use crate::unload::{Unload, UnloadError};

/// The wait between two looks at who holds an old generation grows from the first to the second.
const PAUSES: [Duration; 2] = [Duration::from_micros(200), Duration::from_millis(20)];

/// A build that is on its way out.
pub(super) struct Retiring<T> {
    pub(super) number: u64,
    since: Instant,
    step: Step<T>,
    /// What was reported of it last.
    last_report: Option<String>,
}

/// How far the build is on its way out.
enum Step<T> {
    /// Somebody else may hold it.
    Held {
        generation: Arc<Generation<T>>,
        /// When it is reported that somebody still holds it.
        deadline: Instant,
        pause: Duration,
        /// When to look again.
        due: Instant,
    },
    Unloading(Pin<Box<Unload>>),
    /// The host runs the future. A message tells of its end.
    Driven,
    /// It was not unloaded, or not yet tried.
    Retry {
        module: Module,
        /// When to try.
        due: Instant,
    },
    /// Only while [`Retiring::advance`] changes the step.
    Changing,
}

/// The parts of the worker that an old build needs to go on.
pub(super) struct WorkerParts<'a> {
    pub(super) options: &'a ReloadOptions,
    pub(super) sender: &'a Sender<Message>,
    /// What is to be reported.
    pub(super) events: &'a mut Vec<ReloadEvent>,
}

impl<T> Retiring<T> {
    /// A build that gave way to a newer one.
    pub(super) fn replaced(generation: Arc<Generation<T>>, deadline: Duration) -> Self {
        let now = Instant::now();
        Self {
            number: generation.number,
            since: now,
            step: Step::Held {
                generation,
                deadline: after(now, deadline),
                pause: PAUSES[0],
                due: now,
            },
            last_report: None,
        }
    }

    /// A build that the host refused.
    pub(super) fn refused(number: u64, module: Module) -> Self {
        let now = Instant::now();
        Self {
            number,
            since: now,
            step: Step::Retry { module, due: now },
            last_report: None,
        }
    }

    /// When to go on, if that is known.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.step {
            Step::Held { due, .. } | Step::Retry { due, .. } => Some(*due),
            _ => None,
        }
    }

    /// Whether it was reported why the build is still there.
    pub(super) fn was_reported(&self) -> bool {
        self.last_report.is_some()
    }

    /// Goes on as far as it can at this time. Gives false if the build is gone.
    pub(super) fn advance(&mut self, now: Instant, worker: &mut WorkerParts<'_>) -> bool {
        self.step = match std::mem::replace(&mut self.step, Step::Changing) {
            Step::Held {
                generation,
                deadline,
                pause,
                due,
            } if due <= now => match generation.parts() {
                Ok((value, module)) => {
                    // The panic hook has reported a panic in this drop. It must not end the
                    // reloading.
                    discard_panic(|| drop(value));
                    unload(self.number, module, worker)
                }
                Err(generation) => {
                    let references = Arc::strong_count(&generation) - 1;
                    if now >= deadline && references > 0 {
                        self.report(worker.events, references, None);
                    }
                    let pause = match now < deadline {
                        true => (pause * 2).min(PAUSES[1]),
                        false => worker.options.retry,
                    };
                    Step::Held {
                        generation,
                        deadline,
                        pause,
                        due: after(now, pause),
                    }
                }
            },
            Step::Retry { module, due } if due <= now => unload(self.number, module, worker),
            step => step,
        };
        if let Step::Unloading(unload) = &mut self.step {
            let waker = Waker::from(Arc::new(Alarm(Mutex::new(worker.sender.clone()))));
            let poll = unload.as_mut().poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(result) = poll {
                return self.ended(worker.events, Some(result), worker.options.retry);
            }
        }
        true
    }

    /// Takes the result of an unload, `None` if the host has dropped the future before its end.
    /// Gives false if there is nothing left to do.
    pub(super) fn ended(
        &mut self,
        events: &mut Vec<ReloadEvent>,
        result: Option<Result<(), UnloadError>>,
        retry: Duration,
    ) -> bool {
        match result {
            Some(Ok(())) => {
                events.push(ReloadEvent::Unloaded {
                    generation: self.number,
                    took: self.since.elapsed(),
                });
                false
            }
            Some(Err(error)) => {
                self.report(events, 0, Some(&error));
                self.step = Step::Retry {
                    module: error.into_module(),
                    due: after(Instant::now(), retry),
                };
                true
            }
            None => {
                let error = "what drives the unloading has dropped it; it stays loaded";
                events.push(ReloadEvent::StillInUse {
                    generation: self.number,
                    references: 0,
                    error: Some(error.to_owned()),
                    usage: None,
                });
                false
            }
        }
    }

    /// Reports why the build is still there, unless that was reported last.
    fn report(
        &mut self,
        events: &mut Vec<ReloadEvent>,
        references: usize,
        error: Option<&UnloadError>,
    ) {
        let text = error.map(ToString::to_string);
        let report = format!("{references} {text:?}");
        if self.last_report.as_ref() == Some(&report) {
            return;
        }
        self.last_report = Some(report);
        events.push(ReloadEvent::StillInUse {
            generation: self.number,
            references,
            usage: error.and_then(UnloadError::usage).cloned(),
            error: text,
        });
    }
}

/// Begins to unload a module.
fn unload<T>(number: u64, module: Module, worker: &WorkerParts<'_>) -> Step<T> {
    // SAFETY: the promise of who called `watch` covers every build whose generation is dropped, and
    // this one's is: nobody but the caller had the module.
    let mut unload = unsafe { module.unload(worker.options.deadline) };
    if let Some(time) = worker.options.abort_after {
        unload = unload.abort_after(time);
    }
    let Some(drive) = &worker.options.drive else {
        return Step::Unloading(Box::pin(unload));
    };
    let end = End {
        number,
        result: None,
        sender: worker.sender.clone(),
    };
    let work: Work = Box::pin(async move {
        // Takes all of `end`, so that it is dropped with this future and not before.
        let mut end = end;
        end.result = Some(unload.await);
    });
    // The panic hook has reported a panic in this call. It must not end the reloading. The future
    // was dropped by it, which is told as for any other future that is dropped.
    discard_panic(|| drive(work));
    Step::Driven
}
