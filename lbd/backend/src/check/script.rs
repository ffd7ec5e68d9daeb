//! The steps of a check.
//!
//! It runs nothing; `CheckRun` does.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::health::CheckStatus;

/// What kind of script it is: how answers are read and failures are worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `option httpchk`: answers are HTTP.
    Http,
    /// A prepared protocol.
    Protocol,
    /// `option tcp-check`.
    Tcp,
}

/// A test on bytes.
type Test = dyn Fn(&[u8]) -> bool + std::marker::Send + Sync;

/// A regular expression or another test on bytes.
#[derive(Clone)]
pub struct Matcher(pub(super) Arc<Test>);

impl Matcher {
    /// A matcher that asks `test`.
    pub fn new(test: impl Fn(&[u8]) -> bool + std::marker::Send + Sync + 'static) -> Self {
        Self(Arc::new(test))
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Matcher")
    }
}

/// Bytes, or a log-format that gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the renderer gives for this number.
    Token(u32),
}

/// How a header's name or value is compared.
#[derive(Debug, Clone)]
pub enum TextMatch {
    /// It begins so.
    Begin(Pattern),
    /// It ends so.
    End(Pattern),
    /// It is that.
    Exact(Pattern),
    /// The expression matches.
    Regex(Matcher),
    /// It contains that.
    Sub(Pattern),
}

/// `hdr` and `fhdr`.
#[derive(Debug, Clone)]
pub struct HeaderExpect {
    /// Test of the name, which is in lower case.
    pub name: TextMatch,
    /// Test of the value; any will do when there is none.
    pub value: Option<TextMatch>,
    /// `fhdr`: the whole value; else each of those that commas separate.
    pub full: bool,
}

/// What an answer is tested for.
#[derive(Debug, Clone)]
pub enum Match {
    /// The line of an agent.
    Agent,
    /// `binary` and `binary-lf` (which renders to hexadecimal digits).
    Binary(Pattern),
    /// `rbinary`: tested on the answer in upper-case hexadecimal digits.
    BinaryRegex(Matcher),
    /// A header of an HTTP answer.
    Header(HeaderExpect),
    /// LDAP's answer to a bind.
    LdapBind,
    /// MySQL's greeting (`false`), or what follows it (`true`).
    Mysql(bool),
    /// `rstring`.
    Regex(Matcher),
    /// The first frame of an agent of SPOE.
    Spop {
        /// The largest frame that may be exchanged, in bytes.
        max_frame: u32,
    },
    /// `status`: ranges, both ends included.
    Status(Vec<(u16, u16)>),
    /// `rstatus`.
    StatusRegex(Matcher),
    /// `string` and `string-lf`; in HTTP, of the body.
    String(Pattern),
}

/// What is told of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The answer from that byte to the end of its line, without leading spaces.
    Line(usize),
    /// This.
    Literal(String),
    /// The answer from that byte.
    Payload(usize),
    /// What the renderer gives for this number.
    Token(u32),
}

/// Where a code is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeSource {
    /// The first three bytes of the answer.
    FirstThree,
    /// What the renderer gives for this number.
    Token(u32),
}

/// `expect`.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The test.
    pub what: Match,
    /// `!`.
    pub negate: bool,
    /// `min-recv`; `None` waits for more while the test fails.
    pub min_recv: Option<u32>,
    /// `ok-status`.
    pub ok_status: Option<CheckStatus>,
    /// `error-status`.
    pub error_status: Option<CheckStatus>,
    /// `tout-status`.
    pub tout_status: Option<CheckStatus>,
    /// `on-success`.
    pub on_success: Option<Text>,
    /// `on-error`.
    pub on_error: Option<Text>,
    /// `status-code`.
    pub status_code: Option<CodeSource>,
    /// `comment`.
    pub comment: Option<String>,
}

impl Expect {
    /// An expectation without options.
    pub fn new(what: Match) -> Self {
        Self {
            what,
            negate: false,
            min_recv: None,
            ok_status: None,
            error_status: None,
            tout_status: None,
            on_success: None,
            on_error: None,
            status_code: None,
            comment: None,
        }
    }
}

/// The protocol of a check's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proto {
    /// HTTP/1, whatever was agreed on.
    Http1,
    /// HTTP/2 from the first byte.
    Http2,
    /// Bytes.
    None,
}

/// `connect`; what is not given comes from the server's check settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connect {
    /// Not written in the configuration.
    pub implicit: bool,
    /// `default`: transport and PROXY header as of the server's checks.
    pub default: bool,
    /// `port`.
    pub port: Option<u16>,
    /// `port` as an expression, by the renderer.
    pub port_token: Option<u32>,
    /// `addr`.
    pub addr: Option<SocketAddr>,
    /// `send-proxy`.
    pub send_proxy: bool,
    /// `via-socks4`.
    pub via_socks4: bool,
    /// `ssl`.
    pub ssl: bool,
    /// `sni`.
    pub sni: Option<String>,
    /// `alpn`.
    pub alpn: Option<Vec<Vec<u8>>>,
    /// `proto`.
    pub proto: Option<Proto>,
    /// `linger`: close in order instead of resetting.
    pub linger: bool,
    /// `comment`.
    pub comment: Option<String>,
}

/// `send`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// What to send; nothing is sent when it renders to nothing.
    pub data: Pattern,
    /// What it renders to are hexadecimal digits.
    pub is_hex: bool,
    /// Not written as a step in the configuration, and not counted as one.
    pub implicit: bool,
    /// `comment`.
    pub comment: Option<String>,
}

/// A step of a script.
#[derive(Debug, Clone)]
pub enum Step {
    /// `set-var` or `unset-var`, by the renderer.
    Action(u32),
    /// `comment`: told of the steps of one kind that follow.
    Comment(String),
    /// `connect`.
    Connect(Connect),
    /// `expect`.
    Expect(Expect),
    /// `send`.
    Send(Send),
}

/// A check, ready to be run any number of times.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) kind: Kind,
    /// Steps with their number in the configuration, from 1; 0 for the implicit connect.
    pub(super) steps: Vec<(u32, Step)>,
    /// `http-check disable-on-404`.
    pub(super) disable_on_404: bool,
}

impl Script {
    /// A script of these steps. A first `connect` is added when there is none, and to HTTP that
    /// ends with a `send` an expectation of a status from 200 to 399.
    pub fn new(kind: Kind, mut steps: Vec<Step>) -> Self {
        let acts = |s: &&Step| !matches!(s, Step::Action(_) | Step::Comment(_));
        if kind == Kind::Http && matches!(steps.iter().rfind(acts), Some(Step::Send(_))) {
            steps.push(Step::Expect(Expect::new(Match::Status(vec![(200, 399)]))));
        }
        let connects = matches!(steps.iter().find(acts), Some(Step::Connect(_)));
        let mut numbered = attach_comments(steps);
        if !connects {
            let implicit = Connect {
                implicit: true,
                default: true,
                ..Connect::default()
            };
            numbered.insert(0, (0, Step::Connect(implicit)));
        }
        Self {
            kind,
            steps: numbered,
            disable_on_404: false,
        }
    }

    /// Whether answers are read as HTTP.
    pub fn is_http(&self) -> bool {
        self.kind == Kind::Http
    }

    /// `http-check disable-on-404`.
    #[must_use]
    pub fn with_disable_on_404(mut self, on: bool) -> Self {
        self.disable_on_404 = on;
        self
    }

    /// The steps, comments taken out.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().map(|(_, step)| step)
    }
}

/// Numbers the steps and gives a comment to the steps of one kind that follow it.
fn attach_comments(steps: Vec<Step>) -> Vec<(u32, Step)> {
    let mut out = Vec::with_capacity(steps.len() + 1);
    let mut pending: Option<String> = None;
    let mut last: Option<std::mem::Discriminant<Step>> = None;
    let mut number = 0;
    for mut step in steps {
        let kind = std::mem::discriminant(&step);
        number += u32::from(!matches!(&step, Step::Send(Send { implicit: true, .. })));
        if last.is_some_and(|last| last != kind) {
            pending = None;
        }
        last = Some(kind);
        let comment = match &mut step {
            Step::Comment(comment) => {
                pending = Some(std::mem::take(comment));
                last = None;
                continue;
            }
            Step::Action(_) => {
                pending = None;
                None
            }
            Step::Connect(connect) => {
                connect.comment = connect.comment.take().or_else(|| pending.take());
                pending = None;
                None
            }
            Step::Expect(expect) => Some(&mut expect.comment),
            Step::Send(send) => Some(&mut send.comment),
        };
        if let Some(comment @ None) = comment {
            comment.clone_from(&pending);
        }
        out.push((number, step));
    }
    out
}
