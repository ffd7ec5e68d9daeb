//! Log-format expressions (haproxy 3.4 configuration 8.2.6): parsed once, rendered per line.
//!
//! It sends nothing and reads no clock; what a line says comes from the view.

pub mod alias;
mod date;
mod encode;
mod flags;
mod lines;
mod parse;
mod render;
mod small;
mod times;

use bumpalo::collections::Vec as ArenaVec;
use lbd_core::{Diag, Span};

pub use alias::{ALIASES, Alias, LogAlias};
pub use flags::Flags;
pub use lines::{connect_line, error_line};

use crate::expr::Expr;
use crate::registry::BuildCtx;
use crate::view::View;

/// `option httplog`.
pub const HTTPLOG: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
     %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
/// `option httpslog`.
pub const HTTPSLOG: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
     %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r \
     %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] \
     %[ssl_fc_sni]/%sslv/%sslc";
/// `option httplog clf`.
pub const HTTPLOG_CLF: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s \
     %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";
/// `option tcplog`.
pub const TCPLOG: &str = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
/// `option tcplog clf`.
pub const TCPLOG_CLF: &str = "%{+Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s \
     %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc %sq %bq \"\" \"\" ";

/// A compiled log-format expression.
#[derive(Debug)]
pub struct LogFormat {
    text: Box<[u8]>,
    nodes: Box<[Node]>,
    /// Flags common to the whole line (`%{...}o`).
    line: Flags,
}

/// A piece of a line.
#[derive(Debug)]
enum Node {
    /// Written as it is.
    Text(Box<[u8]>),
    /// One blank, unless the line ends in one already.
    Space,
    /// A value.
    Field(Field),
}

/// A value of a line.
#[derive(Debug)]
struct Field {
    source: Source,
    flags: Flags,
    cast: Cast,
    /// `%(name)…`: the key under the json and cbor encodings.
    name: Option<Box<[u8]>>,
}

#[derive(Debug)]
enum Source {
    Alias(&'static LogAlias),
    Expr(Box<Expr>),
}

/// `%(name:type)…`: the type kept under the json and cbor encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    Bool,
    Int,
    None,
    Raw,
    Str,
}

impl LogFormat {
    /// Compiles `text`. `options` are the flags of its use: [`Flags::LOG`] for log lines,
    /// [`Flags::HTTP_VALUE`] for header values and request lines, none for other texts.
    ///
    /// # Errors
    /// The reference's sentence about the first fault.
    pub fn parse(
        text: &[u8],
        span: Span,
        options: Flags,
        ctx: &mut BuildCtx<'_>,
    ) -> Result<Self, Diag> {
        parse::parse(text, span, options, ctx)
    }

    /// A text without anything to fill in.
    pub fn constant(text: &[u8]) -> Self {
        let nodes = if text.is_empty() {
            Vec::new()
        } else {
            vec![Node::Text(text.into())]
        };
        Self {
            text: text.into(),
            nodes: nodes.into(),
            line: Flags::NONE,
        }
    }

    /// Appends the line; origin `%OG` is `unspec`.
    pub fn render(&self, view: &View<'_>, out: &mut Vec<u8>) {
        self.render_to(view, "unspec", out);
    }

    /// Whether it tells the number of the line (`%lc`), which somebody has to count then.
    pub fn is_numbered(&self) -> bool {
        self.nodes.iter().any(|node| match node {
            Node::Field(Field {
                source: Source::Alias(alias),
                ..
            }) => alias.alias == Alias::LogCounter,
            Node::Field(_) | Node::Space | Node::Text(_) => false,
        })
    }

    /// Appends the line; `origin` is what `%OG` says (`txn_close`, `sess_error` …).
    pub fn render_for(&self, view: &View<'_>, origin: &str, out: &mut Vec<u8>) {
        self.render_to(view, origin, out);
    }

    /// The line in the arena of the view's evaluation.
    pub fn render_in<'c>(&self, view: &View<'_>, arena: &'c bumpalo::Bump) -> &'c [u8] {
        let mut out = ArenaVec::new_in(arena);
        self.render_to(view, "unspec", &mut out);
        out.into_bump_slice()
    }

    /// Whether it says the same whatever the view.
    pub fn is_constant(&self) -> bool {
        self.line.lacks(Flags::ENCODED)
            && self
                .nodes
                .iter()
                .all(|node| !matches!(node, Node::Field(_)))
    }

    /// Whether it is empty: nothing at all is rendered.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The text that it was made of.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether an alias is used, such as those that need the server connection's own address.
    pub fn uses(&self, alias: Alias) -> bool {
        self.nodes.iter().any(|node| {
            matches!(node, Node::Field(Field { source: Source::Alias(used), .. })
                if used.alias == alias)
        })
    }

    fn render_to(&self, view: &View<'_>, origin: &str, out: &mut impl encode::Out) {
        render::render(self, view, origin, out);
    }
}

#[cfg(test)]
mod tests;
