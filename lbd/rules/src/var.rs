//! Variables (haproxy 3.4 configuration 2.8): names numbered at compile time, values in small
//! stores by scope.
//!
//! The stores hold no locks: `sess`, `txn`, `req` and `res` belong to one stream or session, and
//! the proxy keeps the `proc` store behind its own.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::{Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use lbd_core::Value;
use lbd_core::bits::count32;
use parking_lot::RwLock;

/// Number of a variable's name within a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarId(pub u32);

/// Life of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The process.
    Proc,
    /// The session: all requests of a connection.
    Sess,
    /// The request and its response.
    Txn,
    /// The request only.
    Req,
    /// The response only.
    Res,
    /// A health check.
    Check,
}

/// A variable as named in the configuration, `scope.name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Var {
    /// Scope.
    pub scope: Scope,
    /// Numbered name.
    pub id: VarId,
}

/// Numbers the names of variables; filled while the configuration compiles, extended by the
/// runtime API's `set var`. Nothing looks a name up while traffic is handled.
#[derive(Debug, Default)]
pub struct VarNames {
    names: RwLock<Vec<Box<str>>>,
}

impl Clone for VarNames {
    fn clone(&self) -> Self {
        Self {
            names: RwLock::new(self.names.read().clone()),
        }
    }
}

impl VarNames {
    /// How many names have a number.
    pub fn count(&self) -> usize {
        self.names.read().len()
    }

    /// The number of `name` (without its scope), given out at its first use.
    pub fn intern(&self, name: &str) -> VarId {
        let mut names = self.names.write();
        let at = position(&names, name).unwrap_or_else(|| {
            names.push(name.into());
            names.len() - 1
        });
        VarId(count32(at))
    }

    /// The number of `name`, if it was ever used.
    pub fn find(&self, name: &str) -> Option<VarId> {
        let at = position(&self.names.read(), name)?;
        Some(VarId(count32(at)))
    }

    /// The name behind a number, empty for one that was not given out.
    pub fn name(&self, id: VarId) -> Box<str> {
        let names = self.names.read();
        names.get(id.0 as usize).cloned().unwrap_or_default()
    }

    /// Takes over what `other`, a copy of this one, has got besides; only one at a time may do so.
    pub fn extend_by(&self, other: &Self) {
        let mut names = self.names.write();
        let known = names.len();
        names.extend(other.names.read().iter().skip(known).cloned());
    }
}

fn position(names: &[Box<str>], name: &str) -> Option<usize> {
    names.iter().position(|known| &**known == name)
}

/// A value that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedValue {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// A string.
    Str(Box<[u8]>),
    /// Binary data.
    Bin(Box<[u8]>),
    /// A method.
    Method(Box<[u8]>),
}

impl OwnedValue {
    /// A copy of a borrowed value.
    pub fn of(value: Value<'_>) -> Self {
        match value {
            Value::Bool(v) => Self::Bool(v),
            Value::Int(v) => Self::Int(v),
            Value::Ipv4(v) => Self::Ipv4(v),
            Value::Ipv6(v) => Self::Ipv6(v),
            Value::Str(v) => Self::Str(v.into()),
            Value::Bin(v) => Self::Bin(v.into()),
            Value::Method(v) => Self::Method(v.into()),
        }
    }

    /// The value, its bytes copied to `arena`.
    pub fn copy_to<'a>(&self, arena: &'a Bump) -> Value<'a> {
        match self {
            Self::Bool(v) => Value::Bool(*v),
            Self::Int(v) => Value::Int(*v),
            Self::Ipv4(v) => Value::Ipv4(*v),
            Self::Ipv6(v) => Value::Ipv6(*v),
            Self::Str(v) => Value::Str(arena.alloc_slice_copy(v)),
            Self::Bin(v) => Value::Bin(arena.alloc_slice_copy(v)),
            Self::Method(v) => Value::Method(arena.alloc_slice_copy(v)),
        }
    }

    /// Bytes counted against `tune.vars.*-max-size`.
    pub fn size(&self) -> usize {
        match self {
            Self::Str(v) | Self::Bin(v) | Self::Method(v) => v.len(),
            Self::Bool(_) | Self::Int(_) | Self::Ipv4(_) | Self::Ipv6(_) => 0,
        }
    }
}

/// The variables of one scope instance. A store starts empty, in the room of a pointer, and
/// allocates on the first `set`: most sessions and transactions set none.
#[derive(Debug, Default)]
pub struct VarStore {
    held: OnceCell<Box<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    values: RefCell<Vec<(VarId, OwnedValue)>>,
    size: Cell<usize>,
}

impl VarStore {
    /// The value of `id`, copied to `arena`.
    pub fn get<'a>(&self, id: VarId, arena: &'a Bump) -> Option<Value<'a>> {
        let values = self.held.get()?.values.borrow();
        values
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, value)| value.copy_to(arena))
    }

    /// Sets `id`; refuses (returns false) when the bytes held would exceed `limit` (0: no limit).
    pub fn set(&self, id: VarId, value: OwnedValue, limit: usize) -> bool {
        let held = self.held.get_or_init(Box::default);
        let mut values = held.values.borrow_mut();
        let slot = values.iter().position(|(known, _)| *known == id);
        let old = slot.map_or(0, |at| values[at].1.size());
        let size = held.size.get() - old + value.size();
        if limit != 0 && size > limit {
            return false;
        }
        held.size.set(size);
        match slot {
            Some(at) => values[at].1 = value,
            None => values.push((id, value)),
        }
        true
    }

    /// Removes `id`.
    pub fn unset(&self, id: VarId) {
        let Some(held) = self.held.get() else {
            return;
        };
        let mut values = held.values.borrow_mut();
        if let Some(at) = values.iter().position(|(known, _)| *known == id) {
            let (_, old) = values.remove(at);
            held.size.set(held.size.get() - old.size());
        }
    }

    /// Removes all, keeping the memory.
    pub fn clear(&self) {
        if let Some(held) = self.held.get() {
            held.values.borrow_mut().clear();
            held.size.set(0);
        }
    }

    /// All variables that are set, for `dump_all_vars` and `show var`.
    pub fn each(&self, mut visit: impl FnMut(VarId, &OwnedValue)) {
        if let Some(held) = self.held.get() {
            for (id, value) in held.values.borrow().iter() {
                visit(*id, value);
            }
        }
    }
}

/// The stores in reach of a stream; one that does not exist at this point is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vars<'a> {
    /// Session scope.
    pub sess: Option<&'a VarStore>,
    /// Transaction scope.
    pub txn: Option<&'a VarStore>,
    /// Request scope while the request is handled, response scope afterwards.
    pub reqres: Option<&'a VarStore>,
    /// Whether `reqres` is the response's.
    pub is_response: bool,
    /// Check scope.
    pub check: Option<&'a VarStore>,
}

impl<'a> Vars<'a> {
    /// The store of a scope other than `proc`.
    pub fn store(&self, scope: Scope) -> Option<&'a VarStore> {
        match scope {
            Scope::Proc => None,
            Scope::Sess => self.sess,
            Scope::Txn => self.txn,
            Scope::Req => self.reqres.filter(|_| !self.is_response),
            Scope::Res => self.reqres.filter(|_| self.is_response),
            Scope::Check => self.check,
        }
    }
}
