//! `use-service`: the balancer itself answers, by the name of what does.
//!
//! It answers nothing: what a service says is the daemon's matter.

use lbd_core::Diag;

use super::{ActionSpec, Built, Form, Rule, Ruleset, Rulesets};
use crate::program::{Service, Verdict};
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "use-service",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Lets a service of the balancer answer: `prometheus-exporter` (manual 4.4, \
              use-service).",
        examples: &[
            Example::Ok("use-service prometheus-exporter"),
            Example::Fail("use-service", "'use-service' expects a service name."),
            Example::Fail("use-service nope", "'nope' unknown service name."),
        ],
        build: use_service,
    },
    ActionSpec {
        name: "use-service",
        form: Form::Exact,
        rulesets: Rulesets::TCP_CONTENT,
        is_listed: true,
        doc: "Lets a service of the balancer answer; there is none for raw connections (manual \
              4.4, use-service).",
        examples: &[
            Example::Fail("use-service", "'use-service' expects a service name."),
            Example::Fail(
                "use-service prometheus-exporter",
                "only available on 'http-request' rulesets",
            ),
        ],
        build: use_service,
    },
];

fn use_service(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let name = rule.args.value("'use-service' expects a service name.")?;
    if !name.is("prometheus-exporter") {
        let message = format!("'{}' unknown service name.", name.lossy());
        return Err(Diag::alert(name.span, message));
    }
    if rule.ruleset != Ruleset::HttpRequest {
        let message = "Prometheus exporter service only available on 'http-request' rulesets";
        return Err(Diag::alert(name.span, message));
    }
    Ok(Built::new(|_, _| Verdict::Service(Service::Prometheus)).last())
}
