//! An old build on its way out: how far it is, and what was reported of it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::ReloadEvent;
use super::generation::Generation;
use crate::module::Module;
use crate::unload::{Unload, UnloadError};

/// A build that is on its way out.
pub(super) struct Retiring<T> {
    pub(super) number: u64,
    pub(super) since: Instant,
    pub(super) step: Step<T>,
    /// What was said of it last.
    pub(super) said: Option<String>,
}

/// How far the build is on its way out.
pub(super) enum Step<T> {
    /// Until nobody else holds it, or the deadline.
    Held {
        generation: Arc<Generation<T>>,
        deadline: Instant,
        pause: Duration,
        due: Instant,
    },
    Unloading(Pin<Box<Unload>>),
    /// Somewhere else; a message tells the end.
    Driven,
    /// It was not unloaded.
    Waiting {
        module: Module,
        due: Instant,
    },
    /// Being changed.
    Nothing,
}

impl<T> Retiring<T> {
    /// Reports why it is still there, unless that was said.
    pub(super) fn say(
        &mut self,
        events: &mut Vec<ReloadEvent>,
        references: usize,
        error: Option<&UnloadError>,
    ) {
        let text = error.map(ToString::to_string);
        let said = format!("{references} {text:?}");
        if self.said.as_ref() == Some(&said) {
            return;
        }
        self.said = Some(said);
        events.push(ReloadEvent::StillInUse {
            generation: self.number,
            references,
            usage: error.and_then(UnloadError::usage).cloned(),
            error: text,
        });
    }

    /// Takes the result of an unload; false if there is nothing left to do.
    pub(super) fn ended(
        &mut self,
        events: &mut Vec<ReloadEvent>,
        result: Result<(), UnloadError>,
        retry: Duration,
    ) -> bool {
        let error = match result {
            Ok(()) => {
                events.push(ReloadEvent::Unloaded {
                    generation: self.number,
                    took: self.since.elapsed(),
                });
                return false;
            }
            Err(error) => error,
        };
        self.say(events, 0, Some(&error));
        self.step = Step::Waiting {
            module: error.into_module(),
            due: Instant::now() + retry,
        };
        true
    }
}
