//! `bind`.
//!
//! Its options are in [`super::bind_option`] and [`super::bind_unix`].

use lbd_core::{Diag, Span};

use super::directive;
use crate::address::{AddressRules, AddressSpec};
use crate::draft::BindDraft;
use crate::registry::{self, Directive, Effect, Example, Sections};
use crate::section::Site;
use crate::suggest;
use crate::unsupported::{self, Unsupported};
use crate::words::Words;

/// Most sockets of one `bind` line.
pub const MAX_SOCKETS: usize = 65_535;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[directive(
    "bind",
    Sections::OWN_FRONT,
    "Addresses on which the frontend listens (4.2, 5.1).",
    &[
        Example::Ok("bind :8080"),
        Example::Ok("bind 127.0.0.1:8080,[::1]:8081-8083 name web backlog 1000"),
        Example::Ok("bind unix@/run/web.sock mode 660 user root"),
        Example::Fail("bind", "as arguments"),
        Example::Fail("bind 127.0.0.1", "missing port"),
        Example::Fail("bind :80 accept-prox", "did you mean 'accept-proxy'"),
    ],
    bind,
)];

fn bind(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let Some(text) = words.text()? else {
        return Err(Diag::alert(
            words.last(),
            "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.",
        ));
    };
    let span = words.last();
    let mut draft = BindDraft::new(text, span);
    draft.options.unix = site.draft.global.value.unix_bind.clone();
    match addresses(site, "bind", text, span) {
        Ok(addresses) => draft.addresses = addresses,
        Err(diag) => site.diags.push(diag),
    }
    options(
        site,
        &mut draft,
        words,
        &format!("bind {text}"),
        unsupported::bind_option,
    )?;
    site.proxy.binds.push(draft);
    Ok(())
}

/// The comma-separated addresses of a `bind` line or `stats socket`.
///
/// # Errors
/// When one cannot be read.
pub fn addresses(
    site: &Site<'_>,
    keyword: &str,
    text: &str,
    span: Span,
) -> Result<Vec<AddressSpec>, Diag> {
    let rules = AddressRules {
        prefix_length: site
            .draft
            .global
            .value
            .unix_bind
            .prefix
            .as_ref()
            .map_or(0, String::len),
        ..AddressRules::BIND
    };
    let mut list = Vec::new();
    let mut sockets = 0usize;
    for part in text.split(',') {
        let address = site.address(keyword, part, span, &rules)?;
        if let crate::address::Address::Inet { port, .. } = &address.address {
            sockets += port.ports().count();
        }
        list.push(address);
    }
    if sockets > MAX_SOCKETS {
        return Err(Diag::alert(
            span,
            format!("'{keyword}' : {sockets} sockets on one line, limited to {MAX_SOCKETS}"),
        ));
    }
    Ok(list)
}

/// Reads the options behind the addresses.
///
/// # Errors
/// At the first that cannot be read; the rest of the line depends on it.
pub fn options(
    site: &mut Site<'_>,
    draft: &mut BindDraft,
    words: &mut Words<'_>,
    title: &str,
    refused: fn(&str) -> Option<&'static Unsupported>,
) -> Result<(), Diag> {
    let mut first_fault = None;
    while let Some(name) = words.text()? {
        let here = words.last();
        let Some(option) = registry::bind_option(name) else {
            // An option of a later issue has arguments that are not to be taken for options.
            if let Some(entry) = refused(name) {
                site.diags
                    .push(entry.diag_in(here, name, &format!("'{title}'")));
                for _ in 0..entry.args {
                    words.take();
                }
                continue;
            }
            let known = registry::BIND_OPTIONS
                .iter()
                .flat_map(|family| family.iter())
                .map(|option| option.name);
            let message = match suggest::nearest(name, known) {
                Some(near) => {
                    format!("'{title}' unknown keyword '{name}'; did you mean '{near}' maybe ?")
                }
                None => format!("'{title}' unknown keyword '{name}'."),
            };
            return Err(Diag::alert(here, message));
        };
        if let Effect::NoEffect(reason) = option.effect {
            site.no_effect(option.name, here, reason);
        }
        let at = words.left();
        if let Err(diag) = (option.apply)(site, draft, words) {
            let diag = Diag {
                message: format!("'{title}' : {}", diag.message),
                ..diag
            };
            first_fault.get_or_insert(diag);
            if words.left() == at && option.args > 0 {
                break;
            }
        }
    }
    first_fault.map_or(Ok(()), Err)
}
