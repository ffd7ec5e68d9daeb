//! TLS of `server` lines.
//!
//! What it shares with `bind` lines is in [`super::tls`].

use std::sync::Arc;

use lbd_core::{Checkpoint, Diag};
use lbd_tls::server::ServerSetup;
use lbd_tls::verify::{Judge, ServerVerifier};
use lbd_tls::{Certificate, ServerTls, Settings};

use super::context::{At, Compiler};
use super::server::Shared;
use super::tls::{Maker, Place, record_size};
use crate::config::{Mode, ServerSslSpec};
use crate::draft::{ServerDraft, Verify};
use crate::lex::Word;

impl Compiler<'_> {
    /// TLS of a server, for its traffic or its checks.
    pub(super) fn server_ssl(
        &mut self,
        shared: Shared<'_>,
        draft: &ServerDraft,
        title: &str,
    ) -> Option<Arc<ServerSslSpec>> {
        let ssl = &draft.ssl;
        let for_checks = ssl.check.unwrap_or(ssl.on);
        let own = self.healthcheck_rules(draft.health.section.as_ref());
        let rules = own.unwrap_or(&shared.proxy.settings.check);
        let span = draft.span.unwrap_or(shared.proxy.span);
        if !ssl.on && !for_checks && !rules.speaks_tls() {
            // It is nobody's, but must make sense.
            if ssl.sni.is_some() {
                self.server_sni(shared, draft, false);
            }
            let place = Place {
                proxy: &shared.proxy.name,
                title,
                span,
            };
            self.tls_maker().trust(&ssl.settings, place);
            return None;
        }
        let title = format!("'{title}'");
        let place = Place {
            proxy: &shared.proxy.name,
            title: &title,
            span,
        };
        let is_http = shared.proxy.mode() == Mode::Http;
        let tls = self.tls_maker().server_tls(draft, place)?;
        let sni = self.server_sni(shared, draft, is_http);
        let tls = Arc::new(tls);
        self.tls.store.add_server(Arc::clone(&tls));
        Some(Arc::new(ServerSslSpec {
            tls,
            for_traffic: ssl.on,
            for_checks,
            sni: sni.map(Arc::new),
            check_sni: ssl.check_sni.as_deref().map(Into::into),
            check_alpn: ssl.check_alpn.clone().map(Into::into),
        }))
    }
}

impl Maker<'_> {
    /// What begins sessions with a server.
    pub(super) fn server_tls(
        &mut self,
        draft: &ServerDraft,
        place: Place<'_>,
    ) -> Option<ServerTls> {
        let ssl = &draft.ssl;
        let defaults = ssl.defaults.as_deref().unwrap_or(self.server_defaults);
        let mut settings = self.settings(&ssl.settings, defaults, place)?;
        // Of a client's words `sigalgs` is what the server may use, `client-sigalgs` what we may.
        std::mem::swap(&mut settings.sigalgs, &mut settings.client_sigalgs);
        if let Some((list, _)) = &ssl.settings.alpn {
            settings.alpn.clone_from(list);
        }
        let verifier = self.server_verifier(draft, &settings, place)?;
        let certificate = match &ssl.crt {
            None => None,
            Some(file) => {
                let found = self.certificates(file, place);
                Some(found.into_iter().next()?)
            }
        };
        let maxrecord = self.tune.maxrecord;
        let setup = ServerSetup {
            settings: &settings,
            verifier,
            certificate: certificate.as_ref().map(|(name, certificate)| {
                (Arc::clone(name), certificate.as_ref() as &Certificate)
            }),
            resumes: ssl.reuse.unwrap_or(true),
            tickets: ssl.settings.tickets.or(defaults.tickets).unwrap_or(true),
            max_record: record_size(maxrecord),
            logs_keys: self.tune.keylog,
            allows_early: ssl.settings.early,
        };
        match ServerTls::new(setup) {
            Ok(tls) => Some(tls),
            Err(error) => {
                let text = format!("{} : {error}.", place.title);
                self.fault(Diag::alert(place.span, text));
                None
            }
        }
    }

    fn server_verifier(
        &mut self,
        draft: &ServerDraft,
        settings: &Settings,
        place: Place<'_>,
    ) -> Option<ServerVerifier> {
        let ssl = &draft.ssl;
        let said = ssl.settings.verify;
        let default = self.server_defaults.verify;
        let algorithms = settings.provider().signature_verification_algorithms;
        let mut verifier = ServerVerifier {
            judge: None,
            algorithms,
            host: ssl.verifyhost.as_deref().map(Into::into),
            compares_sni: ssl.sni.is_some() || ssl.sni_auto.unwrap_or(true),
        };
        if said.or(default) == Some(Verify::None) {
            // Nobody is judged, but what is named must be there.
            self.trust(&ssl.settings, place)?;
            return Some(verifier);
        }
        if ssl.settings.ca_file.is_none() {
            let before = match said {
                Some(_) => "verify is enabled",
                None => "verify is enabled by default",
            };
            self.fault(Diag::alert(
                place.span,
                format!(
                    "{} : {before} but no CA file specified. If you're running on a LAN where \
                     you're certain to trust the server's certificate, please set an explicit \
                     'verify none' statement on the 'server' line, or use 'ssl-server-verify none' \
                     in the global section to disable server-side verifications by default.",
                    place.title
                ),
            ));
            return None;
        }
        let files = self.trust(&ssl.settings, place)?;
        let authorities = self.authorities(&files)?;
        let mut judge = Judge::new(authorities, algorithms);
        judge.files = files;
        verifier.judge = Some(judge);
        Some(verifier)
    }
}

impl Compiler<'_> {
    /// The name to ask for: `sni`, else the host of the request (haproxy 3.4 configuration 5.2,
    /// `sni-auto`, which is the default in HTTP).
    fn server_sni(
        &mut self,
        shared: Shared<'_>,
        draft: &ServerDraft,
        is_http: bool,
    ) -> Option<lbd_rules::expr::Expr> {
        let span = draft.span.unwrap_or(shared.proxy.span);
        let auto = Word {
            text: b"req.hdr(host),host_only".to_vec(),
            span,
        };
        let word = match &draft.ssl.sni {
            Some(word) => word,
            None if is_http && draft.ssl.on && draft.ssl.sni_auto.unwrap_or(true) => &auto,
            None => return None,
        };
        let at = At {
            proxy: Some(shared.id),
            acls: shared.acls,
            checkpoint: Checkpoint::BeSrvCon,
        };
        let what = format!(
            "'server {}/{}' : error detected while parsing sni expressions : ",
            shared.proxy.name, draft.name
        );
        self.expr(at, word, &what)
    }
}
