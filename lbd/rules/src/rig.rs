//! A small world, configuration and stage for this crate's tests.
//!
//! Nothing of it is compiled into the library.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use lbd_core::{
    BindId, Checkpoint, Diag, Diags, FileId, ListenerId, ProxyId, ServerId, Span, TableId, Time,
    Value, WallTime,
};
use lbd_http::Head;
use lbd_table::{DataType, KeyType, Schema, Stored, Table};

use crate::acl::AclTable;
use crate::action::{Ruleset, parse_rule};
use crate::facts::{Endpoint, SessionFacts, StreamFacts};
use crate::pattern::{PatternSet, PatternStore};
use crate::program::{Ctx, Reply, Step, Verdict};
use crate::registry::{BuildCtx, Names, UserLists};
use crate::reply::ReplySpec;
use crate::track::{SessionCounters, TableHandle};
use crate::var::{OwnedValue, VarId, VarNames, VarStore, Vars};
use crate::view::{Buffered, ProcessFact, ProxyFact, ServerFact, SocketMark, View, World};
use crate::word::Word;

/// The place of every word in tests.
pub(crate) const SPAN: Span = Span {
    file: FileId(0),
    line: 7,
    column: 1,
    len: 1,
};

#[derive(Default)]
pub(crate) struct TestWorld {
    pub(crate) table: TestTable,
    pub(crate) offset: i32,
    pub(crate) is_tls: bool,
    pub(crate) changes: RefCell<Vec<String>>,
    pub(crate) logs: RefCell<Vec<&'static str>>,
    pub(crate) marks: RefCell<Vec<SocketMark>>,
    pub(crate) sets: HashMap<String, Arc<PatternSet>>,
    pub(crate) errors: HashMap<u16, Arc<ReplySpec>>,
    pub(crate) proc: RefCell<HashMap<VarId, OwnedValue>>,
}

/// A table of addresses with a bit of everything.
#[derive(Debug)]
pub(crate) struct TestTable(TableHandle);

impl Default for TestTable {
    fn default() -> Self {
        let mut schema = Schema::new(KeyType::Ipv4, 100).unwrap();
        schema.expire_ms = Some(60_000);
        for data in DataType::ALL {
            let stored = match data {
                DataType::Gpc0 | DataType::Gpc1 | DataType::Gpt0 => continue,
                DataType::Gpc0Rate | DataType::Gpc1Rate => continue,
                DataType::GpcRate => Stored {
                    elements: 2,
                    ..Stored::rate(data, 10_000)
                },
                data if data.has_period() => Stored::rate(data, 10_000),
                data if data.is_array() => Stored::array(data, 2),
                data => Stored::plain(data),
            };
            schema.store(stored).unwrap();
        }
        Self(TableHandle::new(Arc::new(Table::new("t", schema, 1))))
    }
}

impl std::ops::Deref for TestTable {
    type Target = TableHandle;

    fn deref(&self) -> &TableHandle {
        &self.0
    }
}

impl World for TestWorld {
    fn process(&self, fact: ProcessFact) -> i64 {
        if fact == ProcessFact::Pid { 4242 } else { 0 }
    }
    fn proxy(&self, _: ProxyId, _: ProxyFact) -> i64 {
        0
    }
    fn server(&self, _: ProxyId, _: ServerId, _: ServerFact) -> i64 {
        0
    }
    fn proxy_name(&self, proxy: ProxyId) -> &str {
        if proxy.0 == 0 { "fe" } else { "be" }
    }
    fn default_backend(&self, _: ProxyId) -> Option<ProxyId> {
        Some(ProxyId(1))
    }
    fn server_name(&self, _: ProxyId, _: ServerId) -> &str {
        "s1"
    }
    fn bind_name(&self, _: ProxyId, _: BindId) -> Option<&str> {
        None
    }
    fn listener_uid(&self, _: ListenerId) -> i64 {
        3
    }
    fn listener_connections(&self, _: ListenerId) -> i64 {
        0
    }
    fn hostname(&self) -> &str {
        "node1"
    }
    fn is_local(&self, _: IpAddr) -> bool {
        false
    }
    fn proc_var<'a>(&self, id: VarId, arena: &'a Bump) -> Option<Value<'a>> {
        self.proc
            .borrow()
            .get(&id)
            .map(|value| value.copy_to(arena))
    }
    fn set_proc_var(&self, id: VarId, value: Option<OwnedValue>) -> bool {
        let mut vars = self.proc.borrow_mut();
        match value {
            Some(value) => vars.insert(id, value),
            None => vars.remove(&id),
        };
        true
    }
    fn var_limits(&self) -> [usize; 3] {
        [0, 0, 0]
    }
    fn tcp_info(&self, _: i32, _: &str) -> Option<i64> {
        None
    }
    fn utc_offset(&self, _: WallTime) -> i32 {
        self.offset
    }
    fn bind_is_tls(&self, _: ProxyId, _: BindId) -> bool {
        self.is_tls
    }
    fn error_reply(&self, _: ProxyId, status: u16) -> Option<Arc<ReplySpec>> {
        self.errors.get(&status).cloned()
    }
    fn capture_len(&self, _: ProxyId, _: bool, _: usize) -> usize {
        4
    }
    fn pattern_set(&self, reference: &str) -> Option<Arc<PatternSet>> {
        self.sets.get(reference).cloned()
    }
    fn pattern_changed(&self, set: &PatternSet, key: &[u8], value: Option<&[u8]>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = set.reference().unwrap_or_default();
        let change = format!("{name} {} {:?}", text(key), value.map(text));
        self.changes.borrow_mut().push(change);
    }
    fn emit_log(&self, _: &View<'_>, origin: &'static str) {
        self.logs.borrow_mut().push(origin);
    }
    fn table(&self, _: TableId) -> Option<&TableHandle> {
        Some(&self.table)
    }
    fn status_counts(&self, status: u16) -> (bool, bool) {
        (status / 100 == 4, status / 100 == 5)
    }
    fn mark_socket(&self, _: i32, mark: SocketMark) {
        self.marks.borrow_mut().push(mark);
    }
}

#[derive(Debug)]
struct NoUsers;

impl UserLists for NoUsers {
    fn check(&self, _: usize, _: &[u8], _: &[u8]) -> bool {
        false
    }
    fn has_group(&self, _: usize, _: &[u8]) -> bool {
        false
    }
    fn groups(&self, _: usize, _: &[u8], _: &mut dyn FnMut(&str)) {}
}

pub(crate) struct TestNames {
    pub(crate) capabilities: (bool, bool),
    pub(crate) captures: usize,
    pub(crate) files: HashMap<String, Vec<u8>>,
    pub(crate) title: Option<String>,
    pub(crate) experimental: bool,
}

impl Default for TestNames {
    fn default() -> Self {
        Self {
            capabilities: (true, true),
            captures: 1,
            files: HashMap::new(),
            title: None,
            experimental: true,
        }
    }
}

impl Names for TestNames {
    fn frontend(&self, _: &str) -> Option<ProxyId> {
        None
    }
    fn backend(&self, _: &str) -> Option<ProxyId> {
        None
    }
    fn server(&self, _: ProxyId, _: &str) -> Option<ServerId> {
        None
    }
    fn table(&self, name: &str) -> Option<TableId> {
        (name == "t").then_some(TableId(0))
    }
    fn table_key(&self, _: TableId) -> Option<KeyType> {
        Some(KeyType::Ipv4)
    }
    fn proxy_table(&self, _: ProxyId) -> (String, Option<TableId>) {
        ("fe".to_owned(), Some(TableId(0)))
    }
    fn user_list(&self, _: &str) -> Option<usize> {
        None
    }
    fn user_lists(&self) -> Arc<dyn UserLists> {
        Arc::new(NoUsers)
    }
    fn http_errors(&self, name: &str) -> Option<usize> {
        (name == "site").then_some(0)
    }
    fn is_http(&self, _: ProxyId) -> bool {
        true
    }
    fn capabilities(&self, _: ProxyId) -> (bool, bool) {
        self.capabilities
    }
    fn capture_slots(&self, _: ProxyId) -> (usize, usize) {
        (self.captures, self.captures)
    }
    fn add_capture(&mut self, _: ProxyId, _: bool, _: usize) -> Option<usize> {
        self.captures += 1;
        Some(self.captures - 1)
    }
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| "No such file".to_owned())
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn title(&self, _: ProxyId) -> Option<String> {
        self.title.clone()
    }
    fn is_experimental_allowed(&self) -> bool {
        self.experimental
    }
}

/// A configuration in the making.
#[derive(Default)]
pub(crate) struct Rig {
    pub(crate) names: TestNames,
    pub(crate) vars: VarNames,
    pub(crate) patterns: PatternStore,
    pub(crate) acls: AclTable,
    pub(crate) diags: Diags,
}

impl Rig {
    pub(crate) fn at<T>(
        &mut self,
        checkpoint: Checkpoint,
        with: impl FnOnce(&mut BuildCtx<'_>) -> T,
    ) -> T {
        with(&mut BuildCtx {
            names: &mut self.names,
            vars: &mut self.vars,
            patterns: &mut self.patterns,
            acls: &self.acls,
            proxy: Some(ProxyId(0)),
            checkpoint,
            diags: &mut self.diags,
        })
    }

    pub(crate) fn rule(&mut self, ruleset: Ruleset, text: &str) -> Result<Step, Diag> {
        let words = words(text);
        self.at(ruleset.checkpoint(false), |ctx| {
            parse_rule(ruleset, &words, ctx)
        })
    }
}

/// Words of a line without quotes or escapes.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    text.split_whitespace()
        .map(|word| Word::new(word, SPAN))
        .collect()
}

/// A stream in the middle of its life.
pub(crate) struct Stage {
    pub(crate) world: TestWorld,
    pub(crate) session: SessionFacts,
    pub(crate) stream: Option<StreamFacts>,
    pub(crate) request: Option<Head>,
    pub(crate) response: Option<Head>,
    pub(crate) body_is_complete: bool,
    pub(crate) reply: Option<Box<Reply>>,
    pub(crate) now: Time,
    pub(crate) sess: VarStore,
    pub(crate) txn: VarStore,
    arena: Bump,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut request = Head::new();
        request
            .start_request(b"GET", b"/a/b?x=1&y=2", b"HTTP/1.1")
            .unwrap();
        request.add(b"host", b"www.example.com").unwrap();
        request.add(b"x-list", b"one, two").unwrap();
        let mut response = Head::new();
        response.start_response(b"HTTP/1.1", 200, b"OK").unwrap();
        response.add(b"x-list", b"one, two").unwrap();
        Self {
            world: TestWorld::default(),
            session: session(),
            stream: Some(StreamFacts {
                backend: Some(ProxyId(1)),
                ..StreamFacts::default()
            }),
            request: Some(request),
            response: Some(response),
            body_is_complete: false,
            reply: None,
            now: Time::from_millis(1_000),
            sess: VarStore::default(),
            txn: VarStore::default(),
            arena: Bump::new(),
        }
    }

    /// What exists when rules of this set run.
    pub(crate) fn of(ruleset: Ruleset) -> Self {
        let mut stage = Self::new();
        if !ruleset.is_http() {
            (stage.request, stage.response) = (None, None);
        }
        if matches!(ruleset, Ruleset::TcpConnection | Ruleset::TcpSession) {
            stage.stream = None;
        }
        if !ruleset.is_response() {
            stage.response = None;
        }
        stage
    }

    pub(crate) fn run(&mut self, step: &Step) -> Verdict {
        self.run_after(step, Duration::ZERO)
    }

    pub(crate) fn run_after(&mut self, step: &Step, waited: Duration) -> Verdict {
        let body = Buffered {
            complete: self.body_is_complete,
            ..Buffered::default()
        };
        let mut ctx = Ctx {
            arena: &self.arena,
            now: self.now,
            wall: WallTime(0),
            session: &mut self.session,
            stream: self.stream.as_mut(),
            request: self.request.as_mut(),
            response: self.response.as_mut(),
            request_body: body,
            response_body: body,
            vars: Vars {
                sess: Some(&self.sess),
                txn: Some(&self.txn),
                ..Vars::default()
            },
            world: &self.world,
            proxy: Some(ProxyId(0)),
            is_final: false,
            reply: &mut self.reply,
        };
        (step.act)(&mut ctx, waited)
    }

    pub(crate) fn view(&self) -> View<'_> {
        View {
            arena: &self.arena,
            now: self.now,
            wall: WallTime(0),
            session: Some(&self.session),
            stream: self.stream.as_ref(),
            request: self.request.as_ref(),
            response: self.response.as_ref(),
            request_body: Buffered::default(),
            response_body: Buffered::default(),
            vars: Vars {
                sess: Some(&self.sess),
                txn: Some(&self.txn),
                ..Vars::default()
            },
            world: &self.world,
            proxy: Some(ProxyId(0)),
            is_final: true,
        }
    }
}

fn session() -> SessionFacts {
    let address = |text: &str| Endpoint::Inet(text.parse::<SocketAddr>().unwrap());
    SessionFacts {
        id: 1,
        frontend: ProxyId(0),
        bind: BindId(0),
        listener: ListenerId(0),
        accepted_wall: WallTime(1_714_116_398_774_000),
        accepted: Time::ZERO,
        conn_src: address("192.0.2.1:40000"),
        conn_dst: address("198.51.100.2:80"),
        src: None,
        dst: None,
        tls: None,
        proxy_header: None,
        handshake: Duration::ZERO,
        streams: 1,
        glitches: 0,
        error: None,
        http_major: 1,
        client_timeout: None,
        expected_header: None,
        counters: SessionCounters::default(),
        fd: 9,
    }
}

/// A head as text, fields joined by ` | `.
pub(crate) fn show(head: &Head) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let line = if head.is_request() {
        format!(
            "{} {} {}",
            text(head.method()),
            text(head.target()),
            text(head.version())
        )
    } else {
        format!(
            "{} {} {}",
            text(head.version()),
            head.status(),
            text(head.reason())
        )
    };
    head.iter().fold(line, |out, (name, value)| {
        format!("{out} | {}: {}", text(name), text(value))
    })
}
