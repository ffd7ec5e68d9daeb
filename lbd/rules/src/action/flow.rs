//! Actions that decide how a connection or message goes on, without an answer of their own.
//!
//! Answers are in `reply`.

use lbd_core::Diag;

use super::{ActionSpec, Built, Form, Rule, Rulesets};
use crate::facts::ExpectedHeader;
use crate::program::Verdict;
use crate::registry::Example;

/// The family.
pub(super) const ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        name: "accept",
        form: Form::Exact,
        rulesets: Rulesets::TCP,
        is_listed: false,
        doc: "Ends the ruleset in favour of the connection (manual 4.3).",
        examples: &[Example::Ok("accept")],
        build: |_| Ok(Built::new(|_, _| Verdict::Stop).last()),
    },
    ActionSpec {
        name: "allow",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Ends the ruleset in favour of the message (manual 4.3).",
        examples: &[
            Example::Ok("allow"),
            Example::Fail("allow all", "expects either 'if'"),
        ],
        build: |_| Ok(Built::new(|_, _| Verdict::Stop).last()),
    },
    ActionSpec {
        name: "close",
        form: Form::Exact,
        rulesets: Rulesets::TCP_RESPONSE,
        is_listed: false,
        doc: "Closes the connection to the server at once (manual 4.3).",
        examples: &[Example::Ok("close")],
        build: |_| Ok(Built::new(|_, _| Verdict::CloseServer).last()),
    },
    ActionSpec {
        name: "expect-netscaler-cip",
        form: Form::Exact,
        rulesets: Rulesets::TCP_CONNECTION,
        is_listed: false,
        doc: "Wants a NetScaler client IP header before the first byte (manual 4.3).",
        examples: &[
            Example::Ok("expect-netscaler-cip layer4"),
            Example::Fail("expect-netscaler-cip layer3", "only supports 'layer4'"),
        ],
        build: |rule| expect(rule, ExpectedHeader::NetscalerCip),
    },
    ActionSpec {
        name: "expect-proxy",
        form: Form::Exact,
        rulesets: Rulesets::TCP_CONNECTION,
        is_listed: false,
        doc: "Wants a PROXY protocol header before the first byte (manual 4.3).",
        examples: &[
            Example::Ok("expect-proxy layer4"),
            Example::Fail("expect-proxy", "only supports 'layer4'"),
        ],
        build: |rule| expect(rule, ExpectedHeader::Proxy),
    },
    ActionSpec {
        name: "reject",
        form: Form::Exact,
        rulesets: Rulesets::TCP,
        is_listed: false,
        doc: "Closes the connection without an answer (manual 4.3).",
        examples: &[Example::Ok("reject")],
        build: |_| Ok(Built::new(|_, _| Verdict::Close).last()),
    },
    ActionSpec {
        name: "reject",
        form: Form::Exact,
        rulesets: Rulesets::HTTP_REQUEST,
        is_listed: true,
        doc: "Closes the connection without an answer (manual 4.3).",
        examples: &[Example::Ok("reject")],
        build: |_| Ok(Built::new(|_, _| Verdict::Close).last()),
    },
    ActionSpec {
        name: "silent-drop",
        form: Form::Exact,
        rulesets: Rulesets::NOT_AFTER,
        is_listed: true,
        doc: "Closes without telling the client, or with a reset of limited reach (manual 4.3).",
        examples: &[
            Example::Ok("silent-drop"),
            Example::Ok("silent-drop rst-ttl 3"),
            Example::Fail("silent-drop rst-ttl 0", "valid rst-ttl values are [1-255]"),
        ],
        build: silent_drop,
    },
    ActionSpec {
        name: "strict-mode",
        form: Form::Exact,
        rulesets: Rulesets::HTTP,
        is_listed: true,
        doc: "Whether an edit that does not fit fails the message, for the rest of the ruleset \
              (manual 4.3).",
        examples: &[
            Example::Ok("strict-mode off"),
            Example::Fail("strict-mode 1", "Only 'on' and 'off' are supported"),
        ],
        build: |rule| {
            let word = rule.args.value("expects exactly 1 arguments")?;
            let lenient = match word.text.to_ascii_lowercase().as_slice() {
                b"on" => false,
                b"off" => true,
                _ => {
                    let message = format!(
                        "Unexpected value '{}'. Only 'on' and 'off' are supported",
                        word.lossy()
                    );
                    return Err(Diag::alert(word.span, message));
                }
            };
            Ok(Built::new(move |ctx, _| {
                if let Some(stream) = ctx.stream.as_deref_mut() {
                    stream.asked.lenient = lenient;
                }
                Verdict::Continue
            }))
        },
    },
    ActionSpec {
        name: "switch-mode",
        form: Form::Exact,
        rulesets: Rulesets::TCP_CONTENT,
        is_listed: true,
        doc: "Goes on with the connection as HTTP (manual 4.3).",
        examples: &[
            Example::Ok("switch-mode http"),
            Example::Ok("switch-mode http proto h1"),
            Example::Fail("switch-mode tcp", "expects a valid mode (got 'tcp')"),
        ],
        build: switch_mode,
    },
];

fn expect(rule: &mut Rule<'_, '_>, header: ExpectedHeader) -> Result<Built, Diag> {
    if !rule.args.take("layer4") {
        let got = rule
            .args
            .peek()
            .map(|word| word.lossy().into_owned())
            .unwrap_or_default();
        let message = format!(
            "'{} {}' only supports 'layer4' (got '{got}')",
            rule.ruleset.name(),
            rule.name.lossy()
        );
        return Err(rule.args.fault(message));
    }
    Ok(Built::new(move |ctx, _| {
        ctx.session.expected_header = Some(header);
        Verdict::Continue
    }))
}

fn silent_drop(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let mut rst_ttl = None;
    if rule.args.take("rst-ttl") {
        let word = rule.args.value("missing rst-ttl value")?;
        let number = crate::cast::whole_int(word.text).ok_or_else(|| {
            let message = format!(
                "invalid character starting at '{}' (value 1-255 expected)",
                word.lossy()
            );
            Diag::alert(word.span, message)
        })?;
        let ttl = u8::try_from(number).ok().filter(|ttl| *ttl > 0);
        let bad = || Diag::alert(word.span, "valid rst-ttl values are [1-255]");
        rst_ttl = Some(ttl.ok_or_else(bad)?);
    }
    Ok(Built::new(move |_, _| Verdict::SilentDrop { rst_ttl }).last())
}

fn switch_mode(rule: &mut Rule<'_, '_>) -> Result<Built, Diag> {
    let set = rule.ruleset.name();
    let mode = rule
        .args
        .value(&format!("'{set} switch-mode' expects a mode as argument."))?;
    if let Some(proxy) = rule.ctx.proxy
        && !rule.ctx.names.capabilities(proxy).0
    {
        let message =
            format!("'{set} switch-mode' not allowed because the proxy has no frontend capability");
        return Err(Diag::alert(mode.span, message));
    }
    if !mode.is("http") {
        let message = format!(
            "'{set} switch-mode' expects a valid mode (got '{}').",
            mode.lossy()
        );
        return Err(Diag::alert(mode.span, message));
    }
    let mut proto = None;
    if rule.args.take("proto") {
        let fault = format!("'{set} switch-mode': 'proto' expects a protocol as argument.");
        let word = rule.args.value(&fault)?;
        proto = Some(match word.text {
            b"h1" => "h1",
            b"h2" => "h2",
            _ => {
                let message = format!(
                    "'{set} switch-mode': 'proto' expects a valid MUX protocol, if specified \
                     (got '{}')",
                    word.lossy()
                );
                return Err(Diag::alert(word.span, message));
            }
        });
    }
    Ok(Built::new(move |_, _| Verdict::SwitchMode { proto }))
}
