//! A worker that goes on under another configuration: its listeners, pools and sessions.
//!
//! It decides nothing about what survives.

use std::rc::Rc;
use std::sync::Arc;

use super::Worker;
use crate::accept::{self, Post};
use crate::server_conn::ServerConn;
use crate::state::world::Bound;
use crate::state::{Adoption, Exposed, Generation};

impl Worker {
    /// Goes on under another configuration.
    pub(super) fn adopt(self: &Rc<Self>, adoption: Adoption) {
        let Adoption {
            generation,
            heirs,
            sockets,
            pending: _pending,
        } = adoption;
        let next = self.bound_of(&generation);
        let old = self.bound.replace(next);
        for post in self.posts.borrow().iter() {
            let heir = heirs.get(post.id().index()).copied().flatten();
            post.follow(self, &old, heir);
        }
        for socket in sockets {
            if accept::open(self, socket).is_err() {
                self.accept_failed();
            }
        }
        self.idle.adopt(&generation);
        self.backs.adopt(&generation);
        self.changed.notify_waiters();
        // Who rests moves over at once, so that nothing old stays for it.
        for (_, session) in self.live.borrow().iter() {
            session.nudge();
        }
    }

    /// Enters a listener's place into the list of those that accept.
    pub(crate) fn take_post(&self, post: Rc<Post>) {
        self.posts.borrow_mut().push(post);
    }

    /// Takes it off the list.
    pub(crate) fn leave_post(&self, post: &Rc<Post>) {
        self.posts
            .borrow_mut()
            .retain(|known| !Rc::ptr_eq(known, post));
        self.changed.notify_waiters();
    }

    /// The view of a generation that a connection was accepted under, maybe not the present one.
    pub(super) fn bound_of(&self, generation: &Arc<Generation>) -> Rc<Bound> {
        let present = self.bound();
        if Arc::ptr_eq(&present.generation, generation) {
            return present;
        }
        let shared = Arc::clone(&self.shared);
        Rc::new(Bound::new(shared, Arc::clone(generation), self.index))
    }

    /// Whether a connection that served a stream under some configuration may be used again: its server
    /// may be gone since.
    pub(crate) fn may_keep(&self, bound: &Rc<Bound>, conn: &mut ServerConn) -> bool {
        let present = self.bound.borrow();
        if Rc::ptr_eq(&present, bound) {
            return true;
        }
        let server = conn.server.as_ref();
        let same = server.map(|server| present.generation.same_server(server));
        match same {
            // It never had one of the list.
            None => true,
            Some(None) => false,
            Some(Some(server)) => {
                conn.server = Some(Arc::clone(server));
                true
            }
        }
    }

    /// Copies of its listening sockets; what is paused or left has none to give.
    pub(super) fn exposed(&self) -> Vec<Exposed> {
        let (posts, bound) = (self.posts.borrow(), self.bound());
        let copies = posts.iter().filter_map(|post| {
            if post.has_left() || self.may_listen(&bound, post.id()) != Some(true) {
                return None;
            }
            let fd = post.copy()?;
            Some(Exposed {
                listener: post.id(),
                fd,
            })
        });
        copies.collect()
    }
}
