//! A `server`, `server-template` or `default-server` line as it was said.
//!
//! A server starts with a copy of its backend's `default-server`.

use std::net::IpAddr;
use std::time::Duration;

use lbd_core::Span;

use super::{Named, SourceDraft};
use crate::address::AddressSpec;
use crate::config::{ProxyV2Option, WebsocketVersion};
use crate::lex::Word;

/// A server, or the options of `default-server`.
#[derive(Debug, Clone, Default)]
pub struct ServerDraft {
    /// Name; empty for `default-server`.
    pub name: String,
    /// Where the line stands; `None` for `default-server`.
    pub span: Option<Span>,
    /// Address.
    pub address: Option<AddressSpec>,
    /// Place of the address.
    pub address_span: Option<Span>,
    /// `id`.
    pub id: Option<(u32, Span)>,
    /// `guid`.
    pub guid: Option<Named>,
    /// `weight`.
    pub weight: Option<u32>,
    /// `backup`.
    pub backup: bool,
    /// `disabled`.
    pub disabled: bool,
    /// `maxconn`.
    pub maxconn: Option<u32>,
    /// `minconn`.
    pub minconn: Option<u32>,
    /// `maxqueue`.
    pub maxqueue: Option<u32>,
    /// `slowstart`.
    pub slowstart: Option<Duration>,
    /// `hash-key`.
    pub hash_key: lbd_backend::HashKey,
    /// `cookie`.
    pub cookie: Option<Vec<u8>>,
    /// `redir`.
    pub redir: Option<Vec<u8>>,
    /// `non-stick`.
    pub non_stick: bool,
    /// `send-proxy` and its like.
    pub send_proxy: Option<u8>,
    /// `proxy-v2-options`.
    pub proxy_options: Vec<ProxyV2Option>,
    /// `set-proxy-v2-tlv-fmt`: type and format.
    pub tlvs: Vec<(u8, Word)>,
    /// `source` with `usesrc`.
    pub source: Option<SourceDraft>,
    /// `tcp-ut`.
    pub user_timeout: Option<Duration>,
    /// `cc`.
    pub congestion: Option<String>,
    /// `tfo`.
    pub fast_open: bool,
    /// `socks4`.
    pub socks4: Option<(AddressSpec, Span)>,
    /// `namespace`.
    pub namespace: Option<Box<str>>,
    /// `tcp-md5sig`.
    pub md5_key: Option<Box<[u8]>>,
    /// `strict-maxconn`.
    pub strict_maxconn: bool,
    /// `pool-conn-name`.
    pub pool_conn_name: Option<Word>,
    /// `pool-low-conn`.
    pub pool_low_conn: Option<u32>,
    /// `pool-max-conn`.
    pub pool_max_conn: Option<i32>,
    /// `pool-purge-delay`.
    pub pool_purge_delay: Option<Duration>,
    /// `idle-ping`.
    pub idle_ping: Option<Duration>,
    /// `max-reuse`.
    pub max_reuse: Option<i32>,
    /// `proto`.
    pub proto: Option<String>,
    /// `ws`; `None` inside for `auto`.
    pub websocket: Option<Option<WebsocketVersion>>,
    /// `init-addr`.
    pub init_addr: Vec<InitAddr>,
    /// `track`.
    pub track: Option<Named>,
    /// TLS.
    pub ssl: super::ServerSslDraft,
    /// Health checks.
    pub health: HealthDraft,
    /// A word of the line was refused, so that what the line lacks without it is no fault.
    pub is_refused: bool,
    /// The `server-template` line it is of.
    pub template: Option<Template>,
}

/// Checks of a server.
#[derive(Debug, Clone, Default)]
pub struct HealthDraft {
    /// `check`.
    pub check: bool,
    /// `inter`.
    pub inter: Option<Duration>,
    /// `fastinter`.
    pub fastinter: Option<Duration>,
    /// `downinter`.
    pub downinter: Option<Duration>,
    /// `rise`.
    pub rise: Option<u32>,
    /// `fall`.
    pub fall: Option<u32>,
    /// `addr`.
    pub address: Option<AddressSpec>,
    /// `port`.
    pub port: Option<u16>,
    /// `check-send-proxy`.
    pub send_proxy: bool,
    /// `check-via-socks4`.
    pub via_socks4: bool,
    /// `check-proto`.
    pub proto: Option<lbd_backend::check::Proto>,
    /// `no-check-sni-auto`.
    pub no_sni_auto: bool,
    /// `observe`.
    pub observe: Option<&'static str>,
    /// `on-error`.
    pub on_error: Option<&'static str>,
    /// `error-limit`.
    pub error_limit: Option<u32>,
    /// `on-marked-down shutdown-sessions`.
    pub shutdown_on_down: bool,
    /// `on-marked-up shutdown-backup-sessions`.
    pub shutdown_backups_on_up: bool,
    /// `healthcheck`: the section whose check is run.
    pub section: Option<Named>,
    /// `init-state`.
    pub init_state: Option<&'static str>,
    /// `agent-check`.
    pub agent: bool,
    /// `agent-addr`.
    pub agent_address: Option<AddressSpec>,
    /// `agent-port`.
    pub agent_port: Option<u16>,
    /// `agent-inter`.
    pub agent_inter: Option<Duration>,
    /// `agent-send`.
    pub agent_send: Option<Vec<u8>>,
}

/// A method of `init-addr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitAddr {
    /// `<ip>`.
    Ip(IpAddr),
    /// `last`: the server state file's.
    Last,
    /// `libc`: the system's resolver.
    Libc,
    /// `none`: start without one.
    None,
}

/// A `server-template` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Prefix of the names.
    pub prefix: String,
    /// First number.
    pub low: u32,
    /// Last number.
    pub high: u32,
}
