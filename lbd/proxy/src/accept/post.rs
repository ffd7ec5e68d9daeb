//! A listener's place in the configuration, which a new configuration may give to another one.
//!
//! It accepts nothing.

use std::cell::{Cell, Ref, RefCell};
use std::os::fd::{OwnedFd, RawFd};
use std::rc::Rc;

use lbd_core::ListenerId;

use crate::state::world::Bound;
use crate::sys;
use crate::worker::Worker;

/// A listener's place in the configuration, which may become another one's.
pub(crate) struct Post {
    id: Cell<ListenerId>,
    /// The workers that may get its connections; `None` for all.
    takers: RefCell<Option<Box<[usize]>>>,
    /// The configuration that it was left in: it has no place in a newer one.
    left: RefCell<Option<Rc<Bound>>>,
    is_shared: bool,
    /// Its socket, which is open for as long as the worker's list has the place.
    socket: RawFd,
}

impl Post {
    /// The place of a listener of the present configuration; `is_shared` tells one whose socket
    /// accepts for all workers.
    pub(super) fn new(worker: &Worker, id: ListenerId, is_shared: bool, socket: RawFd) -> Self {
        Self {
            id: Cell::new(id),
            takers: RefCell::new(takers(worker, id, is_shared)),
            left: RefCell::default(),
            is_shared,
            socket,
        }
    }

    /// Whether its socket accepts for all workers.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The workers that may get its connections; `None` for all.
    pub(super) fn takers(&self) -> Ref<'_, Option<Box<[usize]>>> {
        self.takers.borrow()
    }

    /// The configuration that it was left in.
    pub(super) fn left(&self) -> Option<Rc<Bound>> {
        self.left.borrow().clone()
    }

    /// Whether the present configuration has no place for it.
    pub(crate) fn has_left(&self) -> bool {
        self.left.borrow().is_some()
    }

    /// A copy of its socket.
    pub(crate) fn copy(&self) -> Option<OwnedFd> {
        sys::copy_of(self.socket).ok()
    }

    /// The listener that it stands for.
    pub(crate) fn id(&self) -> ListenerId {
        self.id.get()
    }

    /// Becomes the place of another listener, in the present configuration; with none it stays
    /// behind in the old one, and what waits on its socket is taken before that closes.
    pub(crate) fn follow(&self, worker: &Worker, old: &Rc<Bound>, heir: Option<ListenerId>) {
        match heir {
            Some(id) => {
                self.id.set(id);
                *self.takers.borrow_mut() = takers(worker, id, self.is_shared);
            }
            None => {
                self.left.borrow_mut().get_or_insert_with(|| Rc::clone(old));
            }
        }
    }
}

/// Who may get the connections of a listener: those that its `thread` names, and nobody else when
/// `tune.listener.multi-queue` keeps connections where they came.
fn takers(worker: &Worker, id: ListenerId, is_shared: bool) -> Option<Box<[usize]>> {
    let bound = worker.bound();
    let config = &bound.generation.config;
    let listener = config.listeners.get(id.index())?;
    let frontend = &config.proxies.get(listener.proxy.index())?.frontend;
    let threads = &frontend.binds.get(listener.bind.index())?.options.threads;
    if !is_shared && !config.global.tune.listener_multi_queue {
        return Some(Box::new([worker.index]));
    }
    let workers = worker.shared.setup().workers;
    let named = threads.iter().map(|n| usize::from(*n).saturating_sub(1));
    let named: Box<[usize]> = named.filter(|at| *at < workers).collect();
    (!named.is_empty()).then_some(named)
}
