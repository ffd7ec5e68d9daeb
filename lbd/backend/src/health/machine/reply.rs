//! What the agent's reply does to a server.
//!
//! It does not decode the reply; `decode_agent` has.

use std::time::Duration;

use lbd_core::Time;

use super::super::agent::{AgentAdmin, AgentReply, parse_maxconn_change, parse_weight_change};
use super::{AdminFlag, CheckStatus, Health, Output, Which};

impl Health {
    pub(super) fn on_agent(&mut self, now: Time, reply: &AgentReply, duration: Duration) {
        if !self.end_run(Which::Agent) {
            return;
        }
        if self.agent.as_ref().is_some_and(|a| a.enabled) {
            self.apply_reply(now, reply, duration);
            self.conclude(now, Which::Agent);
        }
        self.reschedule(now, Which::Agent);
    }

    /// Administration first, so that a server back from maintenance can take the rest; then
    /// weight and limit; health last, which reports what was odd with the others.
    fn apply_reply(&mut self, now: Time, reply: &AgentReply, duration: Duration) {
        if reply.incomplete {
            let status = self
                .agent
                .as_ref()
                .map_or(CheckStatus::Unknown, |a| a.status);
            let text = b"Ignoring incomplete line from agent";
            return self.record(Which::Agent, status, 0, text, Some(duration));
        }
        let (drain, maint) = match reply.admin {
            None => (None, None),
            Some(AgentAdmin::Drain) => (Some(true), Some(false)),
            Some(AgentAdmin::Maint) => (Some(false), Some(true)),
            Some(AgentAdmin::Ready) => (Some(false), Some(false)),
        };
        // What is set goes before what is cleared, lest the server be ready in between.
        let mut flags = [
            (AdminFlag::ForcedDrain, drain),
            (AdminFlag::ForcedMaint, maint),
        ];
        if maint == Some(true) {
            flags.reverse();
        }
        for (flag, on) in flags {
            if let Some(on) = on {
                self.on_admin(now, flag, on, None);
            }
        }
        let warning = self.apply_limits(reply);
        let (status, text) = agent_text(reply, warning.unwrap_or_default());
        if let (Some(word), Some(agent)) = (&reply.health, &mut self.agent) {
            agent.health = if word.up { agent.top() } else { 0 };
        }
        self.record(Which::Agent, status, 0, text.as_bytes(), Some(duration));
    }

    fn apply_limits(&mut self, reply: &AgentReply) -> Option<&'static str> {
        let mut warning = None;
        if let Some(text) = &reply.weight {
            match parse_weight_change(text, self.spec.weight, self.spec.dynamic) {
                Ok(weight) => self.set_weight(weight),
                Err(sentence) => warning = Some(sentence),
            }
        }
        if let Some(text) = &reply.maxconn {
            match parse_maxconn_change(text) {
                Ok(maxconn) => self.outputs.push_back(Output::Maxconn(maxconn)),
                Err(sentence) => warning = warning.or(Some(sentence)),
            }
        }
        warning
    }
}

/// Status and text of an agent's reply: its own words, or what was odd with them.
fn agent_text(reply: &AgentReply, warning: &str) -> (CheckStatus, String) {
    let unknown = reply.unknown.as_deref().unwrap_or_default();
    match &reply.health {
        Some(word) => {
            let mut note = reply.description.as_str();
            if note.is_empty() || word.up {
                note = [unknown, warning]
                    .into_iter()
                    .find(|t| !t.is_empty())
                    .unwrap_or(note);
            }
            let status = if word.up {
                CheckStatus::L7Ok
            } else {
                CheckStatus::L7Status
            };
            let note = if note.is_empty() {
                String::new()
            } else {
                format!(" ({note})")
            };
            (status, format!("via agent : {}{note}", word.word))
        }
        None if !unknown.is_empty() => (
            CheckStatus::Checked,
            format!("agent reports an error : {unknown}"),
        ),
        None if !warning.is_empty() => (CheckStatus::Checked, format!("agent warns : {warning}")),
        None => (CheckStatus::Checked, String::new()),
    }
}
