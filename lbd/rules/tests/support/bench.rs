//! A small configuration and world for tests of rules.
//!
//! It holds one frontend `fe`, one backend `be` with server `s1`, and user list `users`.

#![allow(dead_code)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bumpalo::Bump;
use lbd_core::{
    BindId, Checkpoint, Diags, FileId, ListenerId, ProxyId, ServerId, Span, TableId, Time, Value,
    WallTime,
};
use lbd_http::Head;
use lbd_rules::acl::AclTable;
use lbd_rules::facts::{Endpoint, SessionFacts, StreamFacts, Target};
use lbd_rules::pattern::{PatternSet, PatternStore};
use lbd_rules::registry::{BuildCtx, Names, UserLists};
use lbd_rules::track::{SessionCounters, TableHandle};
use lbd_rules::var::{OwnedValue, VarId, VarNames, VarStore, Vars};
use lbd_rules::view::{Buffered, ProcessFact, ProxyFact, ServerFact, SocketMark, View, World};
use lbd_table::{DataType, KeyType, Schema, Stored, Table};

pub(crate) const SPAN: Span = Span {
    file: FileId(0),
    line: 1,
    column: 1,
    len: 0,
};

#[derive(Debug, Default)]
pub(crate) struct TestNames {
    pub(crate) files: HashMap<String, Vec<u8>>,
}

#[derive(Debug)]
struct OneUser;

impl UserLists for OneUser {
    fn check(&self, _list: usize, user: &[u8], password: &[u8]) -> bool {
        user == b"joe" && password == b"secret"
    }

    fn has_group(&self, _list: usize, group: &[u8]) -> bool {
        matches!(group, b"staff" | b"admin" | b"board")
    }

    fn groups(&self, _list: usize, _user: &[u8], visit: &mut dyn FnMut(&str)) {
        visit("staff");
        visit("admin");
    }
}

impl Names for TestNames {
    fn frontend(&self, name: &str) -> Option<ProxyId> {
        (name == "fe").then_some(ProxyId(0))
    }
    fn backend(&self, name: &str) -> Option<ProxyId> {
        (name == "be").then_some(ProxyId(1))
    }
    fn server(&self, _backend: ProxyId, name: &str) -> Option<ServerId> {
        (name == "s1").then_some(ServerId(0))
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
    fn user_list(&self, name: &str) -> Option<usize> {
        (name == "users").then_some(0)
    }
    fn user_lists(&self) -> Arc<dyn UserLists> {
        Arc::new(OneUser)
    }
    fn http_errors(&self, _name: &str) -> Option<usize> {
        None
    }
    fn is_http(&self, _proxy: ProxyId) -> bool {
        true
    }
    fn capabilities(&self, proxy: ProxyId) -> (bool, bool) {
        (proxy.0 == 0, proxy.0 == 1)
    }
    fn capture_slots(&self, _proxy: ProxyId) -> (usize, usize) {
        (1, 1)
    }
    fn add_capture(&mut self, _proxy: ProxyId, _is_request: bool, _len: usize) -> Option<usize> {
        Some(0)
    }
    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
    fn env(&self, name: &str) -> Option<String> {
        (name == "HOSTNAME").then(|| "node".to_owned())
    }
}

#[derive(Debug, Default)]
pub(crate) struct TestWorld {
    pub(crate) table: TestTable,
    pub(crate) vars: Mutex<HashMap<VarId, OwnedValue>>,
}

/// A table of addresses with a bit of everything.
#[derive(Debug)]
pub(crate) struct TestTable(TableHandle);

impl Default for TestTable {
    fn default() -> Self {
        let mut schema = Schema::new(KeyType::Ipv4, 100).expect("valid in this test");
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
            schema.store(stored).expect("valid in this test");
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
        if fact == ProcessFact::Stopping { 0 } else { 7 }
    }
    fn proxy(&self, _proxy: ProxyId, _fact: ProxyFact) -> i64 {
        3
    }
    fn server(&self, _backend: ProxyId, _server: ServerId, _fact: ServerFact) -> i64 {
        1
    }
    fn proxy_name(&self, proxy: ProxyId) -> &str {
        if proxy.0 == 0 { "fe" } else { "be" }
    }
    fn frontend_named(&self, name: &[u8]) -> Option<ProxyId> {
        (name == b"fe").then_some(ProxyId(0))
    }
    fn backend_named(&self, name: &[u8]) -> Option<ProxyId> {
        (name == b"be").then_some(ProxyId(1))
    }
    fn server_named(&self, _: ProxyId, name: &[u8]) -> Option<ServerId> {
        (name == b"s1").then_some(ServerId(0))
    }
    fn default_backend(&self, _: ProxyId) -> Option<ProxyId> {
        Some(ProxyId(1))
    }
    fn server_name(&self, _backend: ProxyId, _server: ServerId) -> &str {
        "s1"
    }
    fn bind_name(&self, _proxy: ProxyId, _bind: BindId) -> Option<&str> {
        Some("web")
    }
    fn listener_uid(&self, _listener: ListenerId) -> i64 {
        1
    }
    fn listener_connections(&self, _listener: ListenerId) -> i64 {
        2
    }
    fn hostname(&self) -> &str {
        "node"
    }
    fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback()
    }
    fn proc_var<'a>(&self, id: VarId, arena: &'a Bump) -> Option<Value<'a>> {
        self.vars
            .lock()
            .expect("valid in this test")
            .get(&id)
            .map(|value| value.copy_to(arena))
    }
    fn set_proc_var(&self, id: VarId, value: Option<OwnedValue>) -> bool {
        let mut vars = self.vars.lock().expect("valid in this test");
        match value {
            Some(value) => vars.insert(id, value),
            None => vars.remove(&id),
        };
        true
    }
    fn var_limits(&self) -> [usize; 3] {
        [0; 3]
    }
    fn tcp_info(&self, _fd: i32, _field: &str) -> Option<i64> {
        Some(2000)
    }
    fn capture_len(&self, _frontend: ProxyId, _is_request: bool, _slot: usize) -> usize {
        64
    }
    fn pattern_set(&self, _reference: &str) -> Option<Arc<PatternSet>> {
        None
    }
    fn pattern_changed(&self, _set: &PatternSet, _key: &[u8], _value: Option<&[u8]>) {}
    fn emit_log(&self, _view: &View<'_>, _origin: &'static str) {}
    fn table(&self, _: TableId) -> Option<&TableHandle> {
        Some(&self.table)
    }
    fn status_counts(&self, status: u16) -> (bool, bool) {
        (status / 100 == 4, status / 100 == 5)
    }
    fn mark_socket(&self, _fd: i32, _mark: SocketMark) {}
}

/// Everything that compiling needs.
#[derive(Default)]
pub(crate) struct Bench {
    pub(crate) names: TestNames,
    pub(crate) vars: VarNames,
    pub(crate) patterns: PatternStore,
    pub(crate) acls: AclTable,
    pub(crate) diags: Diags,
}

impl Bench {
    pub(crate) fn ctx(&mut self, checkpoint: Checkpoint) -> BuildCtx<'_> {
        BuildCtx {
            names: &mut self.names,
            vars: &mut self.vars,
            patterns: &mut self.patterns,
            acls: &self.acls,
            proxy: Some(ProxyId(0)),
            checkpoint,
            diags: &mut self.diags,
        }
    }
}

/// Everything that evaluation needs.
pub(crate) struct Scene {
    pub(crate) arena: Bump,
    pub(crate) world: TestWorld,
    pub(crate) session: SessionFacts,
    pub(crate) stream: StreamFacts,
    pub(crate) request: Head,
    pub(crate) response: Head,
    pub(crate) request_body: Vec<u8>,
    pub(crate) response_body: Vec<u8>,
    pub(crate) store: VarStore,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let mut request = Head::new();
        request
            .start_request(b"GET", b"/p/a?a=1&b=2&a=3", b"HTTP/1.1")
            .expect("valid in this test");
        for (name, value) in [
            ("Host", "www.example.com:8080"),
            ("X", "1, 2"),
            ("X", "3"),
            ("Cookie", "a=1; b=2; a=3"),
            ("Content-Length", "5"),
            ("X-Forwarded-For", "192.0.2.7, 2001:db8::1"),
            ("Authorization", "Basic am9lOnNlY3JldA=="),
        ] {
            request
                .add(name.as_bytes(), value.as_bytes())
                .expect("valid in this test");
        }
        let mut response = Head::new();
        response
            .start_response(b"HTTP/1.1", 200, b"OK")
            .expect("valid in this test");
        response.add(b"server", b"x").expect("valid in this test");
        response
            .add(b"set-cookie", b"id=7; path=/")
            .expect("valid in this test");
        let endpoint = |text: &str| Endpoint::Inet(text.parse().expect("valid in this test"));
        let session = SessionFacts {
            id: 1,
            frontend: ProxyId(0),
            bind: BindId(0),
            listener: ListenerId(0),
            accepted_wall: WallTime(1_700_000_000_123_456),
            accepted: Time(1),
            conn_src: endpoint("192.0.2.9:4711"),
            conn_dst: endpoint("127.0.0.1:80"),
            src: None,
            dst: None,
            tls: None,
            proxy_header: None,
            handshake: std::time::Duration::ZERO,
            streams: 1,
            glitches: 0,
            error: None,
            http_major: 1,
            client_timeout: None,
            expected_header: Default::default(),
            counters: SessionCounters::default(),
            fd: 3,
        };
        let mut stream = StreamFacts {
            backend: Some(ProxyId(1)),
            target: Target::Server(ServerId(0)),
            status: 200,
            server_status: 200,
            server_src: endpoint("10.0.0.1:5000"),
            server_dst: endpoint("10.0.0.2:80"),
            ..StreamFacts::default()
        };
        stream.request_captures = vec![Some(b"cap".as_slice().into())];
        stream.response_captures = vec![Some(b"cap".as_slice().into())];
        stream.request_line = b"GET /p HTTP/1.1".to_vec();
        stream.method_len = 3;
        stream.target_len = 2;
        Self {
            arena: Bump::new(),
            world: TestWorld::default(),
            session,
            stream,
            request,
            response,
            request_body: b"a=1&b".to_vec(),
            response_body: b"hello".to_vec(),
            store: VarStore::default(),
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        let buffered = |data| Buffered {
            data,
            complete: true,
            full: false,
            announced: None,
            awaits_head: false,
        };
        View {
            arena: &self.arena,
            now: Time(5_000_000_000),
            wall: WallTime(1_700_000_000_123_456),
            session: Some(&self.session),
            stream: Some(&self.stream),
            request: Some(&self.request),
            response: Some(&self.response),
            request_body: buffered(&self.request_body),
            response_body: buffered(&self.response_body),
            vars: Vars {
                sess: Some(&self.store),
                txn: Some(&self.store),
                reqres: Some(&self.store),
                is_response: false,
                check: None,
            },
            world: &self.world,
            proxy: Some(ProxyId(0)),
            is_final: true,
        }
    }
}
