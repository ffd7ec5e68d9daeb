//! Rulesets as programs: steps that run one after the other on a stream, and what they say.
//!
//! Nothing here waits: a step that needs more input, time or an answer returns
//! [`Verdict::Wait`], and the proxy calls again with the same cursor.

use std::time::Duration;

use bumpalo::Bump;
use lbd_core::{ProxyId, Time, WallTime};
use lbd_http::Head;

use crate::acl::{Cond, Truth};
use crate::facts::{RulePlace, SessionFacts, StreamFacts};
use crate::var::Vars;
use crate::view::{Buffered, View, World};

/// What a step must have before it can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// More bytes of the message or stream, until `inspect-delay` ends.
    More,
    /// The request or response body: at least this many bytes, not after this time.
    Body {
        /// Bytes wanted; 0 for all that fits the buffer.
        at_least: u64,
        /// When to go on without.
        until: Time,
    },
    /// The end of the client's TLS handshake.
    Handshake,
    /// This moment (`pause`).
    Until(Time),
    /// The address of a host name (`do-resolve`).
    Resolve {
        /// Resolvers section.
        resolvers: String,
        /// Host name.
        name: Vec<u8>,
    },
}

/// What a ruleset decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No rule decided: go on.
    Continue,
    /// `allow`/`accept`: skip the rest of this ruleset.
    Stop,
    /// `deny`: answer with the proxy's error message for this status.
    Deny {
        /// Status of the answer.
        status: u16,
    },
    /// `tarpit`: as `Deny`, after the tarpit delay.
    Tarpit {
        /// Status of the answer.
        status: u16,
    },
    /// Answer with [`Ctx::reply`], which the step has filled (`return`, `redirect`, `auth`,
    /// `deny` with a message of its own).
    Reply,
    /// `reject`: close at once.
    Close,
    /// `silent-drop`: close without telling the client.
    SilentDrop {
        /// Whether to send a reset with this time to live (`rst-ttl`).
        rst_ttl: Option<u8>,
    },
    /// `switch-mode http`: handle the connection as HTTP.
    SwitchMode {
        /// Wanted protocol, when `proto` is given.
        proto: Option<&'static str>,
    },
    /// Let a service of the balancer answer (`use-service`).
    Service(Service),
    /// Not decided: fulfil the need, then run again with the same cursor.
    Wait(Need),
    /// What a rule makes does not fit, or memory was short: 500 to the client.
    Failed,
    /// A rewrite failed in strict mode: 500 to the client, as a refusal.
    RewriteFailed,
    /// `close` of `tcp-response content`: close the connection to the server at once.
    CloseServer,
    /// The message is invalid (a target that cannot be normalized): 400 or 502, counted as such.
    Invalid,
    /// The body did not arrive in time (`wait-for-body`): 408 or 504, as a timeout of its sender.
    TimedOut,
}

/// A service of the balancer itself that a rule may let answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `prometheus-exporter`.
    Prometheus,
}

/// An answer made by a rule.
#[derive(Debug, Default)]
pub struct Reply {
    /// Status line and headers with `content-length` where a body may be; the connection's fields
    /// are the proxy's. Status 0 (no status line) is an empty error file: close without a word.
    pub head: Head,
    /// Body.
    pub body: Vec<u8>,
    /// Whether the client's connection is kept (`redirect` keeps it, as the reference does).
    pub keep_alive: bool,
    /// Whether this is a deny (counted as denied) or an own answer.
    pub is_deny: bool,
    /// Delay before the answer (`tarpit` with a message).
    pub is_tarpit: bool,
}

/// All that actions may read and change. Evaluate with [`Ctx::view`], let values be copied to
/// the arena, then change the fields.
pub struct Ctx<'c> {
    /// Arena for values.
    pub arena: &'c Bump,
    /// Monotonic time.
    pub now: Time,
    /// Wall clock.
    pub wall: WallTime,
    /// The session.
    pub session: &'c mut SessionFacts,
    /// The stream, once there is one.
    pub stream: Option<&'c mut StreamFacts>,
    /// Request head.
    pub request: Option<&'c mut Head>,
    /// Response head.
    pub response: Option<&'c mut Head>,
    /// Buffered request body or stream.
    pub request_body: Buffered<'c>,
    /// Buffered response body or stream.
    pub response_body: Buffered<'c>,
    /// Variables.
    pub vars: Vars<'c>,
    /// The rest of the process.
    pub world: &'c dyn World,
    /// The proxy whose rules run.
    pub proxy: Option<ProxyId>,
    /// Whether input is final.
    pub is_final: bool,
    /// The answer of `Verdict::Reply`.
    pub reply: &'c mut Option<Box<Reply>>,
}

impl std::fmt::Debug for Ctx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ctx")
            .field("now", &self.now)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

impl Ctx<'_> {
    /// The same as an expression sees it.
    pub fn view(&self) -> View<'_> {
        View {
            arena: self.arena,
            now: self.now,
            wall: self.wall,
            session: Some(self.session),
            stream: self.stream.as_deref(),
            request: self.request.as_deref(),
            response: self.response.as_deref(),
            request_body: self.request_body,
            response_body: self.response_body,
            vars: self.vars,
            world: self.world,
            proxy: self.proxy,
            is_final: self.is_final,
        }
    }
}

/// A compiled action. It is called again after a wait, with the time since its first call.
pub type Act = Box<dyn Fn(&mut Ctx<'_>, Duration) -> Verdict + Send + Sync>;

/// One rule.
pub struct Step {
    /// Condition; none means always.
    pub cond: Option<Cond>,
    /// What it does.
    pub act: Act,
    /// Where it stands.
    pub place: RulePlace,
    /// Whether it decides and ends the ruleset, for `last_rule_line`.
    pub is_final: bool,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A compiled ruleset.
#[derive(Debug, Default)]
pub struct Program {
    /// The rules in order.
    pub steps: Box<[Step]>,
}

/// How far a program has run on one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    step: u32,
    waiting_since: Option<Time>,
    /// The condition of this step held and its action has begun to wait.
    is_begun: bool,
}

impl Program {
    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Runs from the cursor to the first verdict other than `Continue`.
    ///
    /// After `Wait` call again with the same cursor; any other verdict ends the ruleset.
    pub fn run(&self, cursor: &mut Cursor, ctx: &mut Ctx<'_>) -> Verdict {
        while let Some(step) = self.steps.get(cursor.step as usize) {
            let verdict = Self::run_step(step, cursor, ctx);
            match verdict {
                Verdict::Continue => {
                    if let Some(stream) = ctx.stream.as_deref_mut()
                        && let Some(hints) = &mut stream.early_hints
                    {
                        hints.after_rule();
                    }
                    *cursor = Cursor {
                        step: cursor.step + 1,
                        ..Cursor::default()
                    };
                }
                Verdict::Wait(_) => {
                    cursor.waiting_since.get_or_insert(ctx.now);
                    return verdict;
                }
                _ => {
                    if let Some(stream) = ctx.stream.as_deref_mut() {
                        stream.last_rule = Some(step.place);
                    }
                    return verdict;
                }
            }
        }
        Verdict::Continue
    }

    fn run_step(step: &Step, cursor: &mut Cursor, ctx: &mut Ctx<'_>) -> Verdict {
        // A condition that held before the wait is not asked again: the rule has begun.
        if !cursor.is_begun
            && let Some(cond) = &step.cond
        {
            match cond.eval(&ctx.view()) {
                Truth::True => {}
                Truth::False => return Verdict::Continue,
                Truth::NotYet => return Verdict::Wait(Need::More),
            }
        }
        cursor.is_begun = true;
        let waited = cursor
            .waiting_since
            .map_or(Duration::ZERO, |since| ctx.now.since(since));
        (step.act)(ctx, waited)
    }
}
