//! The form of every registry: a `const` slice of descriptors in each family file, and the lists
//! of families here. Parser, `-dK` output, generated reference and completion loop over them.
//!
//! It does not parse: see the expression, ACL and action parsers.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use lbd_core::{Checkpoint, Checkpoints, Diag, Diags, ProxyId, ServerId, TableId, Type, Value};
use lbd_table::KeyType;

use crate::arg::{Arg, ArgError, ArgSpec};
use crate::reply::ReplySpec;
use crate::unsupported::Class;
use crate::var::VarNames;
use crate::view::View;

/// How an evaluation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All values were given to the sink (or the sink stopped early).
    Done,
    /// There is no value.
    Absent,
    /// More input may still bring or change a value.
    NotYet,
}

/// A compiled fetch: gives each value to the sink until the sink breaks.
pub type Eval = Box<
    dyn for<'a> Fn(&View<'a>, &mut dyn FnMut(Value<'a>) -> ControlFlow<()>) -> Outcome
        + Send
        + Sync,
>;

/// A compiled converter; `None` drops the sample.
pub type Convert = Box<dyn for<'a> Fn(&View<'a>, Value<'a>) -> Option<Value<'a>> + Send + Sync>;

/// A line of the reference that is also a test.
#[derive(Debug, Clone, Copy)]
pub enum Example {
    /// Must compile in every place where the keyword is declared valid.
    Ok(&'static str),
    /// Must be refused with a message that contains the second text.
    Fail(&'static str, &'static str),
}

/// A sample fetch function (manual 7.3).
#[derive(Debug)]
pub struct Fetch {
    /// Name as written.
    pub name: &'static str,
    /// Arguments.
    pub args: &'static [ArgSpec],
    /// Type of the values.
    pub out: Type,
    /// Where it may be used.
    pub valid: Checkpoints,
    /// One or two sentences, the manual's section named.
    pub doc: &'static str,
    /// Tested examples.
    pub examples: &'static [Example],
    /// Makes the closure; arguments are typed and checked for number and kind already.
    pub build: fn(&mut BuildCtx<'_>, Vec<Arg>) -> Result<Eval, ArgError>,
}

/// A converter (manual 7.3.1).
#[derive(Debug)]
pub struct Converter {
    /// Name as written.
    pub name: &'static str,
    /// Arguments.
    pub args: &'static [ArgSpec],
    /// Type it takes; samples are cast to it.
    pub from: Type,
    /// Type it gives; `Same` for its input's.
    pub to: Type,
    /// One or two sentences.
    pub doc: &'static str,
    /// Tested examples, each a converter expression and its argument text.
    pub examples: &'static [Example],
    /// Makes the closure.
    pub build: fn(&mut BuildCtx<'_>, Vec<Arg>) -> Result<Convert, ArgError>,
}

/// What compiling an expression or rule may ask about the rest of the configuration.
pub trait Names {
    /// The proxy of this name that can act as frontend.
    fn frontend(&self, name: &str) -> Option<ProxyId>;
    /// The proxy of this name that can act as backend.
    fn backend(&self, name: &str) -> Option<ProxyId>;
    /// A server by name.
    fn server(&self, backend: ProxyId, name: &str) -> Option<ServerId>;
    /// A stick table by the name that commands use: a proxy's, or `section/name`.
    fn table(&self, _name: &str) -> Option<TableId> {
        None
    }
    /// Type of a table's keys.
    fn table_key(&self, _table: TableId) -> Option<KeyType> {
        None
    }
    /// Name and, when it has one, table of a proxy.
    fn proxy_table(&self, _proxy: ProxyId) -> (String, Option<TableId>) {
        (String::new(), None)
    }
    /// `tune.stick-counters`.
    fn stick_counters(&self) -> u32 {
        DEFAULT_STICK_COUNTERS
    }
    /// `tcp-request inspect-delay` of a proxy is set.
    fn has_inspect_delay(&self, _proxy: ProxyId) -> bool {
        true
    }
    /// Index of a user list.
    fn user_list(&self, name: &str) -> Option<usize>;
    /// Whether `password` is `user`'s, and which groups `user` is in.
    fn user_lists(&self) -> Arc<dyn UserLists>;
    /// Index of an `http-errors` section.
    fn http_errors(&self, name: &str) -> Option<usize>;
    /// Whether a proxy is in HTTP mode.
    fn is_http(&self, proxy: ProxyId) -> bool;
    /// Whether a proxy has the frontend and the backend capability.
    fn capabilities(&self, proxy: ProxyId) -> (bool, bool);
    /// Number of request and response capture slots that the frontend declares so far.
    fn capture_slots(&self, proxy: ProxyId) -> (usize, usize);
    /// Adds a capture slot of `len` bytes (`http-request capture … len`), giving its index.
    fn add_capture(&mut self, proxy: ProxyId, is_request: bool, len: usize) -> Option<usize>;
    /// Reads a pattern, map or payload file through the configuration's host.
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String>;
    /// The IPv4 address of a host name, by the system's resolver at the time of reading.
    fn host_address(&self, _name: &str) -> Option<Ipv4Addr> {
        None
    }
    /// A variable of the environment.
    fn env(&self, name: &str) -> Option<String>;
    /// A proxy's kind and name as messages have them, `frontend 'www'`. When known, faults of
    /// rules come in the reference's whole sentence, else only with what is wrong.
    fn title(&self, _proxy: ProxyId) -> Option<String> {
        None
    }
    /// Sizes that messages must fit.
    fn limits(&self) -> Limits {
        Limits::default()
    }
    /// Whether `expose-experimental-directives` is set.
    fn is_experimental_allowed(&self) -> bool {
        false
    }
    /// The answer that an `http-errors` section has for a status.
    fn http_errors_reply(&self, _section: usize, _status: u16) -> Option<Arc<ReplySpec>> {
        None
    }
}

/// `tune.stick-counters` unless said.
pub const DEFAULT_STICK_COUNTERS: u32 = 3;

/// Sizes of buffers (`tune.bufsize`, `tune.maxrewrite`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a buffer.
    pub bufsize: usize,
    /// Bytes of it that are kept free for rewriting heads.
    pub maxrewrite: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bufsize: 16_384,
            maxrewrite: 1_024,
        }
    }
}

/// Users and groups of `userlist` sections, for `http_auth` and `http_auth_group`.
pub trait UserLists: Send + Sync + std::fmt::Debug {
    /// Whether `user` exists in list `list` and has this password.
    fn check(&self, list: usize, user: &[u8], password: &[u8]) -> bool;
    /// Whether list `list` declares this group.
    fn has_group(&self, list: usize, group: &[u8]) -> bool;
    /// Calls `visit` for each group of `user` in list `list`.
    fn groups(&self, list: usize, user: &[u8], visit: &mut dyn FnMut(&str));
}

/// The surroundings in which an expression or a rule is compiled.
pub struct BuildCtx<'c> {
    /// The configuration's names.
    pub names: &'c mut dyn Names,
    /// Variable names.
    pub vars: &'c mut VarNames,
    /// Pattern lists and maps, shared by file name.
    pub patterns: &'c mut crate::pattern::PatternStore,
    /// Named ACLs of this proxy.
    pub acls: &'c crate::acl::AclTable,
    /// The proxy to which the line belongs.
    pub proxy: Option<ProxyId>,
    /// The point at which it will be evaluated.
    pub checkpoint: Checkpoint,
    /// Warnings and notices; what refuses the line is returned instead.
    pub diags: &'c mut Diags,
}

impl std::fmt::Debug for BuildCtx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildCtx")
            .field("proxy", &self.proxy)
            .field("checkpoint", &self.checkpoint)
            .finish_non_exhaustive()
    }
}

impl BuildCtx<'_> {
    /// Records a warning.
    pub fn warn(&mut self, diag: Diag) {
        self.diags.push(diag);
    }
}

/// The fetch of this name.
pub fn find_fetch(name: &str) -> Option<&'static Fetch> {
    static BY_NAME: OnceLock<HashMap<&'static str, &'static Fetch>> = OnceLock::new();
    BY_NAME
        .get_or_init(|| fetches().map(|fetch| (fetch.name, fetch)).collect())
        .get(name)
        .copied()
}

/// The converter of this name.
pub fn find_converter(name: &str) -> Option<&'static Converter> {
    static BY_NAME: OnceLock<HashMap<&'static str, &'static Converter>> = OnceLock::new();
    BY_NAME
        .get_or_init(|| {
            converters()
                .map(|converter| (converter.name, converter))
                .collect()
        })
        .get(name)
        .copied()
}

/// All fetches, family by family.
pub fn fetches() -> impl Iterator<Item = &'static Fetch> {
    crate::fetch::FAMILIES
        .iter()
        .flat_map(|family| family.iter())
}

/// All converters, family by family.
pub fn converters() -> impl Iterator<Item = &'static Converter> {
    crate::convert::FAMILIES
        .iter()
        .flat_map(|family| family.iter())
}

/// The known name that is at most two edits away from `name`, for a hint.
pub fn nearest(class: Class, name: &str) -> Option<&'static str> {
    let names: Vec<&'static str> = match class {
        Class::Converter => converters().map(|converter| converter.name).collect(),
        Class::Fetch | Class::Acl => fetches().map(|fetch| fetch.name).collect(),
    };
    let ranked = names
        .into_iter()
        .map(|known| (distance(known.as_bytes(), name.as_bytes()), known));
    ranked
        .filter(|(edits, _)| *edits <= 2 && *edits < name.len())
        .min()
        .map(|(_, known)| known)
}

/// Edits (insertion, deletion, change) that turn `a` into `b`.
pub(crate) fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
