//! The TLS handshake of a client connection or to a server: certificate, deadline, what logs and
//! rules may know, counters.
//!
//! It moves no data of the session: that is [`crate::tls`]'s.
//!
//! What failed is told in OpenSSL's numbers and words ([`reason`]), a row of the table in
//! `tests/e2e/tls/failing` each. rustls tells less in three places: what is wrong within a message
//! is one of a few faults (`length mismatch`, `protocol error`) where OpenSSL has a reason for
//! each; a session that the operating system resets is `SSL handshake failure` without a number
//! (haproxy: now and then `ECONNRESET returned by OS`); and of a certificate of a peer that fails
//! to prove its key nothing is known but that.

use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use lbd_config::config::ServerSslSpec;
use lbd_core::Time;
use lbd_rules::facts::{ConnError, OneCertificate, TlsFacts, WireFacts};
use lbd_tls::hello::{self, Capture, Hello};
use lbd_tls::ocsp::Answer;
use lbd_tls::rustls::{self, Connection, HandshakeKind, ProtocolVersion};
use lbd_tls::verify::{Judge, Peer};
use lbd_tls::{BindTls, Chosen, cipher};

use crate::session::{Entry, Session};
use crate::state::{Counters, Shared};
use crate::term::StreamError;
use crate::tls::{Fault, Seen, TlsStream};
use crate::transport::Transport;

pub(crate) mod reason;
mod told;
mod unfinished;

pub use told::{ServerSession, Watch};

/// Number of a handshake that took too long.
pub(crate) const SSL_TIMEOUT: u16 = 26;

const fn error(code: u16, name: &'static str, text: &'static str) -> ConnError {
    ConnError {
        code,
        name,
        text,
        library: Some(""),
    }
}

const EMPTY: ConnError = error(24, "SSL_EMPTY", "Connection closed during SSL handshake");
const ABORT: ConnError = error(25, "SSL_ABORT", "Connection error during SSL handshake");
const TIMEOUT: ConnError = error(SSL_TIMEOUT, "SSL_TIMEOUT", "Timeout during SSL handshake");
const CA_FAIL: ConnError = error(30, "SSL_CA_FAIL", "SSL client CA chain cannot be verified");
const CRT_FAIL: ConnError = error(31, "SSL_CRT_FAIL", "SSL client certificate not trusted");
/// `verifyhost` is not in the server's certificate.
const MISMATCH: ConnError = error(
    32,
    "SSL_MISMATCH",
    "Server presented an SSL certificate different from the configured one",
);
/// The name that was asked for is not in it.
const MISMATCH_SNI: ConnError = error(
    33,
    "SSL_MISMATCH_SNI",
    "Server presented an SSL certificate different from the expected one",
);
/// The server did not take early data.
pub(crate) const EARLY_FAILED: ConnError =
    error(38, "SSL_EARLY_FAILED", "Server refused early data");
const HANDSHAKE: ConnError = error(34, "SSL_HANDSHAKE", "SSL handshake failure");
const FATAL: ConnError = error(43, "SSL_FATAL", "SSL fatal error");
const TOO_MANY: ConnError = error(27, "SSL_TOO_MANY", "Too many SSL connections");

/// What a fault is in the reference's words; `is_client` for a peer that connected to us.
pub(crate) fn failed(fault: &Fault, is_client: bool) -> ConnError {
    let with = |error: ConnError, library| ConnError {
        library: Some(library),
        ..error
    };
    let fault = match fault {
        Fault::Closed => return EMPTY,
        Fault::Io => return ABORT,
        Fault::Broken => return HANDSHAKE,
        Fault::Http => return with(HANDSHAKE, reason::HTTP),
        Fault::HttpProxy => return with(HANDSHAKE, reason::HTTP_PROXY),
        Fault::NoCertificate => return with(HANDSHAKE, reason::NO_NAME),
        Fault::Fallback => return with(HANDSHAKE, reason::FALLBACK),
        Fault::Tls(fault) => fault,
    };
    let rustls::Error::InvalidCertificate(why) = fault else {
        return with(HANDSHAKE, reason::of(fault));
    };
    let is_authority = Judge::last_failure().is_some_and(|failure| failure.is_authority);
    let error = match (is_client, why) {
        (false, rustls::CertificateError::NotValidForName) => MISMATCH_SNI,
        (false, _) => HANDSHAKE,
        (true, _) if is_authority => CA_FAIL,
        (true, _) => CRT_FAIL,
    };
    with(error, reason::UNVERIFIED)
}

/// What ended a session after its handshake, in the reference's words.
pub(crate) fn fatal(fault: &Fault) -> ConnError {
    let library = failed(fault, false).library;
    ConnError { library, ..FATAL }
}

/// A failed handshake as the log has it: the library's words in brackets.
pub(crate) fn message(error: &ConnError) -> String {
    match error.library {
        None | Some("") => error.text.to_owned(),
        // The certificate's number says it already.
        Some(reason::UNVERIFIED) if error.code != HANDSHAKE.code => error.text.to_owned(),
        Some(words) => format!("{} ({words})", error.text),
    }
}

/// Speaks TLS with a client whose connection has no byte of it used yet.
pub(crate) async fn accept(session: &mut Session, tls: &BindTls) -> Result<(), ConnError> {
    let begun = session.now();
    let limit = session.spec().timeouts.client_hs;
    let limit = limit.or_else(|| session.spec().timeouts.client);
    let deadline = limit.map(|limit| begun + limit);
    let process = Rc::clone(&session.worker);
    let process = process.shared.process();
    let first = std::mem::take(&mut session.input);
    let global = &session.bound.generation.config.global.ssl;
    if let Entry::Connection(entered) = &session.entry {
        entered.count_tls(begun);
    }
    let place = Place::take(&session.worker.shared, global.maxsslconn);
    let mut facts = TlsFacts::default();
    let mut asks_answer = false;
    let result = match session.io.tls().filter(|_| place.is_some()) {
        None => Err(TOO_MANY),
        Some(stream) => {
            stream.expect_hello(first.data());
            session.worker.pool.give(first);
            let done = run(session, stream, tls, deadline, &mut facts).await;
            if done.is_err() {
                unfinished::describe(stream, tls, &mut facts);
            }
            let has_answer = matches!(done, Ok(Some(_)));
            asks_answer = seen_facts(stream, &mut facts, global.capture, has_answer);
            done
        }
    };
    session.facts.handshake += session.now().since(begun);
    let is_resumed = facts.is_resumed;
    // The line of a failed handshake may tell what the client offered.
    session.facts.tls = Some(Rc::new(facts));
    match result {
        Ok(answer) => {
            process.tls.client_done(is_resumed, session.now());
            count(session, |counters| counters.tls_session(is_resumed));
            // A session that goes on has shown its certificate before.
            if asks_answer
                && !is_resumed
                && let Some(answer) = answer
            {
                let is_sent = answer.holds(session.worker.clock.wall().secs());
                count(session, |counters| match is_sent {
                    true => counters.ocsp_answers.inc(),
                    false => counters.stale_ocsp_answers.inc(),
                });
            }
            if let Entry::Connection(entered) = &mut session.entry {
                entered.tls_place = place;
            }
            Ok(())
        }
        Err(failed) => {
            session.facts.error = Some(Box::new(failed));
            process.tls.client_failed();
            count(session, |counters| counters.tls_failures.inc());
            Err(failed)
        }
    }
}

/// Counts a handshake for the frontend and for its listening socket.
fn count(session: &Session, count: impl Fn(&Counters)) {
    count(session.counters());
    let listener = session.bound.generation.listener(session.facts.listener);
    if let Some(listener) = listener {
        count(listener.counters.of(session.worker.index));
    }
}

/// A place among the TLS connections of the process, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Shared>);

impl Place {
    /// One, unless `limit` (`maxsslconn`; 0 for none) is reached.
    fn take(shared: &Arc<Shared>, limit: u32) -> Option<Self> {
        let connections = &shared.process().tls.connections;
        if !connections.reserve(limit) {
            return None;
        }
        connections.confirm();
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.process().tls.connections.leave();
    }
}

/// The handshake itself; the OCSP answer that there was for the certificate.
async fn run(
    session: &Session,
    stream: &TlsStream,
    tls: &BindTls,
    deadline: Option<Time>,
    facts: &mut TlsFacts,
) -> Result<Option<Arc<Answer>>, ConnError> {
    let fault = |fault: Fault| failed(&fault, true);
    let accepted = within(session, deadline, |cx| stream.poll_hello(cx))
        .await?
        .map_err(fault)?;
    let hello = accepted.client_hello();
    facts.sni = hello.server_name().map(|name| name.as_bytes().into());
    let Some(chosen) = tls.choose(&hello, session.worker.clock.wall().secs()) else {
        return Err(fault(stream.refuse_name()));
    };
    if chosen.policy.settings.is_needless_fallback(&hello) {
        return Err(fault(stream.refuse_fallback()));
    }
    let config = Arc::clone(&chosen.config);
    stream.choose(*accepted, config).map_err(fault)?;
    let done = within(session, deadline, |cx| stream.poll_handshake(cx)).await?;
    if let (Err(Fault::Tls(rustls::Error::InvalidCertificate(_))), Some(why)) =
        (&done, Judge::last_failure())
    {
        match why.is_authority {
            true => facts.authority_error = why.code,
            false => facts.leaf_error = why.code,
        }
    }
    done.map_err(fault)?;
    stream.with(|connection| describe(connection, facts));
    facts.early = stream.early();
    own_facts(facts, &chosen, session);
    let staple = chosen.certificate.staple.as_ref();
    Ok(staple.and_then(|staple| staple.get()))
}

/// What a server is asked for.
pub(crate) struct Name<'a> {
    /// Its name.
    pub(crate) sni: Option<&'a [u8]>,
    /// Protocols instead of the configured ones.
    pub(crate) alpn: Option<&'a [&'a [u8]]>,
    /// A request may go before the handshake is over.
    pub(crate) early: bool,
}

/// Speaks TLS with a server; `preface` goes before it in clear.
pub(crate) async fn connect(
    session: &Session,
    io: &Transport,
    ssl: &ServerSslSpec,
    name: Name<'_>,
    preface: &[u8],
    deadline: Option<Time>,
) -> Result<Rc<TlsFacts>, ConnError> {
    let Name { sni, alpn, early } = name;
    let name = sni.and_then(|sni| std::str::from_utf8(sni).ok());
    let stream = io.tls().ok_or(HANDSHAKE)?;
    let connection = ssl.tls.connect(name, alpn, early).map_err(|_| HANDSHAKE)?;
    let mut sent = 0;
    let clear = within(session, deadline, |cx| {
        while sent < preface.len() {
            match io.poll_write(cx, &[IoSlice::new(&preface[sent..])], false) {
                Poll::Ready(Ok(n)) => sent += n,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Fault::Io)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    let fault = |fault: Fault| match failed(&fault, false) {
        // Nothing but `verifyhost` was compared.
        ConnError { code, library, .. } if code == MISMATCH_SNI.code && sni.is_none() => {
            ConnError {
                library,
                ..MISMATCH
            }
        }
        error => error,
    };
    clear.await?.map_err(fault)?;
    stream.begin(connection.into());
    within(session, deadline, |cx| stream.poll_handshake(cx))
        .await?
        .map_err(fault)?;
    Ok(reached(session, stream, sni))
}

/// What a session with a server says; little when the request goes early.
fn reached(session: &Session, stream: &TlsStream, sni: Option<&[u8]>) -> Rc<TlsFacts> {
    let mut facts = TlsFacts::default();
    facts.sni = sni.map(Into::into);
    if stream.sends_early() {
        return Rc::new(facts);
    }
    stream.with(|connection| describe(connection, &mut facts));
    seen_facts(stream, &mut facts, 0, false);
    let process = session.worker.shared.process();
    process.tls.server_done(facts.is_resumed, session.now());
    Rc::new(facts)
}

/// What a session says once the server has answered a request that went early.
pub(crate) fn confirmed(session: &Session, io: &Transport, before: &TlsFacts) -> Rc<TlsFacts> {
    match io.tls() {
        Some(stream) => reached(session, stream, before.sni.as_deref()),
        None => Rc::default(),
    }
}

/// Waits until the handshake of a client that sent early data is confirmed.
pub(crate) async fn confirm(session: &Session) -> Result<(), StreamError> {
    let Some(stream) = session.io.tls() else {
        return Ok(());
    };
    let timeouts = &session.spec().timeouts;
    let limit = timeouts.client_hs.or_else(|| session.client_timeout());
    let deadline = limit.map(|limit| session.now() + limit);
    let is_h2 = session.io.is_h2();
    poll_fn(|cx| {
        if let Poll::Ready(done) = stream.poll_confirmed(cx, is_h2) {
            return Poll::Ready(done.map_err(|_| StreamError::ClientAbort));
        }
        if is_h2 && session.io.is_broken(cx) {
            return Poll::Ready(Err(StreamError::ClientAbort));
        }
        if let Some(ending) = session.live.ending() {
            return Poll::Ready(Err(StreamError::Ended(ending)));
        }
        session
            .live
            .poll_deadline(cx, &session.worker.clock, deadline)
            .map(|()| Err(StreamError::ClientTimeout))
    })
    .await
}

/// Polls until ready, the deadline, or the end of the session.
pub(crate) async fn within<T>(
    session: &Session,
    deadline: Option<Time>,
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>,
) -> Result<T, ConnError> {
    poll_fn(|cx| {
        if let Poll::Ready(done) = poll(cx) {
            return Poll::Ready(Ok(done));
        }
        if session.live.ending().is_some() {
            return Poll::Ready(Err(ABORT));
        }
        session
            .live
            .poll_deadline(cx, &session.worker.clock, deadline)
            .map(|()| Err(TIMEOUT))
    })
    .await
}

/// Fills in what was seen of the handshake; lists of the client's message within `capture` bytes.
/// Whether the client asked for an OCSP answer, where there is one.
fn seen_facts(stream: &TlsStream, facts: &mut TlsFacts, capture: usize, has_answer: bool) -> bool {
    let Some(seen) = stream.take_seen() else {
        return false;
    };
    let seen = *seen;
    // Most handshakes have neither, and their message is not read again.
    let content = (capture > 0 || has_answer).then(|| hello::handshake_bytes(&seen.hello));
    let content = content.as_deref();
    let content = content.and_then(|content| hello::message(content, hello::CLIENT_HELLO));
    let hello = content.and_then(Hello::parse);
    let asks_answer = hello
        .as_ref()
        .is_some_and(|hello| hello.extension(STATUS_REQUEST).is_some());
    if capture > 0 {
        facts.hello = hello.map(|hello| Box::new(Capture::new(&hello, capture)));
    }
    wire_facts(seen, facts);
    asks_answer
}

/// The extension by which a client asks for an OCSP answer (RFC 6066 8).
const STATUS_REQUEST: u16 = 5;

/// Fills in the randoms, the session's id and the secrets that were seen.
fn wire_facts(seen: Seen, facts: &mut TlsFacts) {
    let (server_random, id) = match seen.server {
        Some((random, id)) => (Some(random), id),
        None => (None, Box::default()),
    };
    facts.wire = Some(Box::new(WireFacts {
        client_random: seen.client_random,
        server_random,
        // In TLS 1.3 the field repeats what the client sent and names no session.
        session_id: match facts.version {
            "TLSv1.2" => id,
            _ => Box::default(),
        },
        secrets: seen.secrets,
    }));
}

/// Fills in what both sides' sessions say.
pub(crate) fn describe(connection: &mut Connection, facts: &mut TlsFacts) {
    facts.version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "",
    };
    describe_suite(connection, facts);
    if let Some(group) = connection.negotiated_key_exchange_group() {
        facts.curve = cipher::curve_name(group.name());
    }
    facts.alpn = connection.alpn_protocol().map(Into::into);
    facts.is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    if let Some(chain) = connection.peer_certificates() {
        facts.chain = chain.iter().map(|der| der.clone().into_owned()).collect();
        facts.peer = facts.chain.first().cloned().map(OneCertificate::new);
    }
    let exported = connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None);
    facts.unique_id = exported.ok();
}

fn describe_suite(connection: &Connection, facts: &mut TlsFacts) {
    if let Some(suite) = connection.negotiated_cipher_suite() {
        facts.cipher = cipher::suite_name(suite.suite());
        facts.bits = cipher::suite_bits(suite.suite());
    }
}

/// What is known of our own certificate and of the verification of the client.
fn own_facts(facts: &mut TlsFacts, chosen: &Chosen, session: &Session) {
    facts.own_name = Some(Arc::clone(&chosen.name));
    let own = chosen.certificate.certified.cert.first();
    facts.own = own.cloned().map(OneCertificate::new);
    let Some(verifier) = &chosen.policy.verifier else {
        return;
    };
    facts.asked_client = true;
    facts.verifier = Some(Arc::clone(verifier));
    let Some((leaf, others)) = facts.chain.split_first() else {
        return;
    };
    let wall = session.worker.clock.wall().secs();
    let now = std::time::Duration::from_secs(wall);
    let now = rustls::pki_types::UnixTime::since_unix_epoch(now);
    // Whatever fails here was overlooked by the configuration, or there would be no session.
    if let Err(failure) = verifier.judge.chain(leaf, others, now, Peer::Client) {
        match failure.is_authority {
            true => facts.authority_error = failure.code,
            false => facts.leaf_error = failure.code,
        }
    }
}
