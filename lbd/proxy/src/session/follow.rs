//! A session that outlives the configuration it was accepted under.
//!
//! Which listener goes on as which is `reconcile`'s decision.

use std::rc::Rc;
use std::sync::Arc;

use lbd_core::Time;

use super::{Entry, Session};
use crate::reconcile;
use crate::state::world::Bound;
use crate::state::{Generation, ListenerState};

impl Session {
    /// Goes on under the present configuration, between two requests. Where that has no place for
    /// the session it stays under its own, and is to end.
    pub(crate) fn follow(&mut self) {
        // Streams of HTTP/2 follow their connection.
        if self.worker.is_present(&self.bound) || matches!(self.entry, Entry::Stream(_)) {
            return;
        }
        let present = self.worker.bound();
        if let Some(listener) = self.heir(&present.generation) {
            self.rebind(&present, &listener);
        }
    }

    /// Its listener in another configuration, where that goes on.
    fn heir(&self, generation: &Generation) -> Option<Arc<ListenerState>> {
        let own = self.bound.generation.listener(self.facts.listener)?;
        reconcile::heir(generation, own).map(Arc::clone)
    }

    /// Takes the names of another configuration for its own.
    pub(crate) fn rebind(&mut self, bound: &Rc<Bound>, listener: &ListenerState) {
        let generation = &bound.generation;
        let last = self.last_server.take();
        self.last_server = last.and_then(|(backend, server)| {
            let state = self.bound.generation.server(backend, server)?;
            let here = generation.same_server(state)?;
            Some((here.backend, here.id))
        });
        self.frontend = listener.proxy;
        self.facts.frontend = listener.proxy;
        self.facts.listener = listener.id;
        self.facts.bind = generation.config.listeners[listener.id.index()].bind;
        self.live.rebind(bound, listener);
        self.bound = Rc::clone(bound);
    }

    /// From when on its connection closes between two requests: because the worker stops, or
    /// because the present configuration has no place for it.
    pub(crate) fn closes_from(&self) -> Option<Time> {
        let is_left = !self.worker.is_present(&self.bound)
            && matches!(self.entry, Entry::Connection(_))
            && self.heir(&self.worker.bound().generation).is_none();
        match is_left {
            true => Some(Time::ZERO),
            false => self.worker.closes_from(self.facts.id),
        }
    }
}
