//! Error answers: `errorfile`, `errorloc*`, `errorfiles`, `http-error`.
//!
//! Files are read and answers built when the configuration compiles.

use lbd_core::Diag;

use super::backend::whole;
use super::{directive, end};
use crate::draft::{ErrorDraft, ReplyText};
use crate::registry::{Directive, Example, Sections};
use crate::section::{Section, Site};
use crate::words::Words;

/// Statuses whose answers can be replaced, as in the reference.
pub const STATUSES: &[u16] = &[
    200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414, 421, 422, 425, 429, 431, 500, 501, 502,
    503, 504,
];

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "errorfile",
        Sections::PROXY.with(Sections::HTTP_ERRORS),
        "A file that is sent instead of an error answer (4.2, 12.4).",
        &[
            Example::Fail("errorfile 503", "expects <status_code> and <file>"),
            Example::Fail("errorfile 299 /x", "status code '299' not handled"),
        ],
        |site, words| {
            let status = status(words, "errorfile", "<status_code> and <file> as arguments.")?;
            let path = words.expect("errorfile", "<status_code> and <file> as arguments.")?;
            let path = site.path(path);
            push(site, ReplyText::File { status, path }, words.last());
            end(words, "errorfile")
        },
    ),
    directive(
        "errorfiles",
        Sections::PROXY,
        "Takes error answers from an http-errors section (4.2).",
        &[Example::Fail("errorfiles", "expects <name> as argument")],
        |site, words| {
            let name = words
                .expect("errorfiles", "<name> as argument.")?
                .to_owned();
            let span = words.last();
            let mut statuses = Vec::new();
            while words.left() > 0 {
                statuses.push(status(words, "errorfiles", "a status code")?);
            }
            push(site, ReplyText::Section { name, statuses }, span);
            Ok(())
        },
    ),
    directive(
        "errorloc",
        Sections::PROXY,
        "Redirects by 302 instead of an error answer (4.2).",
        &[
            Example::Ok("errorloc 503 http://sorry.example.com/"),
            Example::Fail("errorloc 503", "expects <status_code> and <url>"),
        ],
        |site, words| location(site, words, "errorloc", 302),
    ),
    directive(
        "errorloc302",
        Sections::PROXY,
        "Redirects by 302 instead of an error answer (4.2).",
        &[Example::Ok("errorloc302 503 http://sorry.example.com/")],
        |site, words| location(site, words, "errorloc302", 302),
    ),
    directive(
        "errorloc303",
        Sections::PROXY,
        "Redirects by 303 instead of an error answer (4.2).",
        &[Example::Ok("errorloc303 503 http://sorry.example.com/")],
        |site, words| location(site, words, "errorloc303", 303),
    ),
    directive(
        "http-error",
        Sections::PROXY,
        "An answer made of status, headers and content instead of an error answer (4.2).",
        &[
            Example::Ok("http-error status 503 content-type text/plain string sorry"),
            Example::Fail("http-error", "expects"),
        ],
        |site, words| {
            if words.left() == 0 {
                return Err(Diag::alert(
                    words.last(),
                    "'http-error' expects 'status' and its arguments",
                ));
            }
            let reply = whole(site, "http-error", words);
            let span = site.line;
            push(site, ReplyText::Reply(reply), span);
            Ok(())
        },
    ),
];

fn push(site: &mut Site<'_>, reply: ReplyText, span: lbd_core::Span) {
    let error = ErrorDraft { reply, span };
    match site.section {
        Section::HttpErrors => {
            if let Some(section) = site.draft.http_errors.last_mut() {
                section.errors.push(error);
            }
        }
        _ => site.proxy.settings.errors.push(error),
    }
}

fn status(words: &mut Words<'_>, keyword: &str, what: &str) -> Result<u16, Diag> {
    let text = words.expect(keyword, what)?;
    text.parse::<u16>()
        .ok()
        .filter(|status| STATUSES.contains(status))
        .ok_or_else(|| {
            Diag::alert(
                words.last(),
                format!("{keyword} : status code '{text}' not handled."),
            )
            .hint(format!(
                "Statuses are {}.",
                STATUSES
                    .iter()
                    .map(u16::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
        })
}

fn location(
    site: &mut Site<'_>,
    words: &mut Words<'_>,
    keyword: &str,
    redirect: u16,
) -> Result<(), Diag> {
    let status = status(words, keyword, "<status_code> and <url> as arguments.")?;
    let url = words
        .expect(keyword, "<status_code> and <url> as arguments.")?
        .to_owned();
    push(
        site,
        ReplyText::Location {
            status,
            redirect,
            url,
        },
        words.last(),
    );
    end(words, keyword)
}
