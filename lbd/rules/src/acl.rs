//! ACLs and conditions (haproxy 3.4 configuration 7.1, 7.2, 7.4): named tests on samples, and the
//! disjunctions of them that stand after `if` and `unless`.
//!
//! What samples and patterns are is not known here: see `expr` and `pattern`.

mod groups;
mod keyword;
mod parse;
mod predefined;
mod slip;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

use lbd_core::{Checkpoint, Diag, Value};

pub use keyword::{AclKeyword, all as keywords, find as find_keyword};
pub use predefined::PREDEFINED;

use crate::cast;
use crate::expr::Expr;
use crate::pattern::Matcher;
use crate::registry::{BuildCtx, Outcome};
use crate::view::View;
use crate::word::Word;

/// Result of a condition: the reference's three-valued logic. The order makes `or` a maximum and
/// `and` a minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    False,
    /// More input may decide it.
    NotYet,
    /// It holds.
    True,
}

impl Truth {
    /// A decided one.
    #[inline]
    pub fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    /// The opposite; what is not known stays so.
    #[inline]
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::NotYet => Self::NotYet,
            Self::True => Self::False,
        }
    }
}

#[derive(Debug)]
enum Test {
    /// `-m found`.
    Found,
    /// `-m bool`.
    Bool,
    /// Any of these lists; none never matches.
    Patterns(Box<[Arc<Matcher>]>),
    /// The value is a user, whose groups are compared.
    Groups(groups::Groups),
}

/// One line of an ACL: a sample and what it is compared with.
#[derive(Debug)]
pub struct AclExpr {
    expr: Expr,
    keyword: Box<str>,
    test: Test,
}

impl AclExpr {
    /// Evaluates this line.
    pub fn eval(&self, view: &View<'_>) -> Truth {
        let mut hit = false;
        let outcome = self.expr.each(view, &mut |value| {
            hit = self.holds(view, value);
            if hit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match outcome {
            _ if hit => Truth::True,
            Outcome::NotYet => Truth::NotYet,
            Outcome::Absent | Outcome::Done => Truth::False,
        }
    }

    #[inline]
    fn holds<'a>(&self, view: &View<'a>, value: Value<'a>) -> bool {
        match &self.test {
            Test::Found => true,
            Test::Bool => cast::to_int(value).is_some_and(|number| number != 0),
            Test::Patterns(lists) => lists.iter().any(|list| list.is_match(value, view.arena)),
            Test::Groups(groups) => groups.holds(view, value),
        }
    }

    /// Its sample expression.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The keyword as written, without arguments.
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// Its pattern lists.
    pub fn matchers(&self) -> &[Arc<Matcher>] {
        match &self.test {
            Test::Patterns(lists) => lists,
            Test::Groups(groups) => groups.lists(),
            Test::Found | Test::Bool => &[],
        }
    }
}

/// An ACL: lines of one name, of which any may match.
#[derive(Debug)]
pub struct Acl {
    name: Box<str>,
    lines: Vec<Arc<AclExpr>>,
}

impl Acl {
    /// Its name; empty for an anonymous one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its lines in order.
    pub fn lines(&self) -> &[Arc<AclExpr>] {
        &self.lines
    }

    /// Evaluates the lines in order until one matches.
    #[inline]
    pub fn eval(&self, view: &View<'_>) -> Truth {
        let mut truth = Truth::False;
        for line in &self.lines {
            truth = truth.max(line.eval(view));
            if truth == Truth::True {
                break;
            }
        }
        truth
    }

    /// The keyword because of which it can never match at `point`, when that is so.
    fn conflict(&self, point: Checkpoint) -> Option<&str> {
        let usable = self.lines.iter().any(|line| line.expr.is_valid_at(point));
        if usable {
            None
        } else {
            self.lines.first().map(|line| line.keyword())
        }
    }
}

/// The named ACLs of one proxy. Filled line by line while its section is compiled, by one thread.
#[derive(Debug, Default)]
pub struct AclTable {
    acls: RefCell<Vec<Arc<Acl>>>,
}

impl AclTable {
    /// A table without ACLs; the predefined ones are made at their first use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an `acl` line: its name, criterion, flags and values.
    ///
    /// # Errors
    /// The reference's message, with its beginning.
    pub fn add(&self, words: &[Word<'_>], ctx: &mut BuildCtx<'_>) -> Result<(), Diag> {
        let Some(name) = words.first() else {
            return Err(Diag::alert(None, "'acl' expects a name and a criterion"));
        };
        if let Some(byte) = name.text.iter().find(|byte| !is_acl_name_byte(**byte)) {
            let message = format!(
                "character '{}' is not permitted in acl name '{}'",
                byte.escape_ascii(),
                name.lossy()
            );
            return Err(Diag::alert(name.span, message));
        }
        if name.text.eq_ignore_ascii_case(b"or") {
            let message = format!(
                "acl name '{}' will never match. 'or' is used to express a logical disjunction \
                 within a condition.",
                name.lossy()
            );
            return Err(Diag::alert(name.span, message));
        }
        let label = format!("acl '{}'", name.lossy());
        let line = parse::line(&words[1..], &label, name.span, ctx).map_err(|mut diag| {
            diag.message = format!(
                "error detected while parsing ACL '{}' : {}",
                name.lossy(),
                diag.message
            );
            diag
        })?;
        self.insert(&name.lossy(), line);
        Ok(())
    }

    fn insert(&self, name: &str, line: AclExpr) -> Arc<Acl> {
        let mut acls = self.acls.borrow_mut();
        let known = acls.iter().position(|acl| acl.name() == name);
        // Conditions compiled earlier keep the lines that they knew, so a new one is made.
        let mut lines = known.map_or_else(Vec::new, |at| acls[at].lines.clone());
        lines.push(Arc::new(line));
        let acl = Arc::new(Acl {
            name: name.into(),
            lines,
        });
        match known {
            Some(at) => acls[at] = Arc::clone(&acl),
            None => acls.push(Arc::clone(&acl)),
        }
        acl
    }

    /// The ACL of this name, if a line has declared it.
    pub fn find(&self, name: &str) -> Option<Arc<Acl>> {
        self.acls
            .borrow()
            .iter()
            .find(|acl| acl.name() == name)
            .cloned()
    }

    /// The ACL of this name, declared or predefined.
    ///
    /// # Errors
    /// `no such ACL`.
    pub fn find_or_make(&self, name: Word<'_>, ctx: &mut BuildCtx<'_>) -> Result<Arc<Acl>, Diag> {
        let text = name.lossy();
        if let Some(acl) = self.find(&text) {
            return Ok(acl);
        }
        let Some((_, words)) = PREDEFINED.iter().find(|(known, _)| *known == text) else {
            let diag = Diag::alert(name.span, format!("no such ACL : '{text}'"));
            let acls = self.acls.borrow();
            let near = acls
                .iter()
                .find(|acl| acl.name().eq_ignore_ascii_case(&text));
            return Err(match near {
                Some(acl) => diag.hint(format!("Did you mean '{}'?", acl.name())),
                None => diag,
            });
        };
        let words: Vec<Word<'_>> = words
            .split(' ')
            .map(|word| Word::new(word, name.span))
            .collect();
        let line = parse::line(&words, &format!("acl '{text}'"), name.span, ctx)?;
        Ok(self.insert(&text, line))
    }

    /// Names that lines have declared, in order.
    pub fn names(&self) -> Vec<String> {
        self.acls
            .borrow()
            .iter()
            .map(|acl| acl.name().to_owned())
            .collect()
    }
}

fn is_acl_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')
}

#[derive(Debug)]
struct Term {
    is_negated: bool,
    acl: Arc<Acl>,
}

/// A compiled condition: `[!]acl … [or [!]acl …]`, possibly negated as a whole (`unless`).
#[derive(Debug)]
pub struct Cond {
    is_negated: bool,
    any: Box<[Box<[Term]>]>,
}

impl Cond {
    /// Compiles the words after `if` (or, with `negate`, after `unless`); all of them belong to it.
    ///
    /// A condition that can never match here is a warning in `ctx`, as in the reference.
    ///
    /// # Errors
    /// Unknown ACLs, unclosed braces, faults in anonymous ACLs.
    pub fn parse(words: &[Word<'_>], negate: bool, ctx: &mut BuildCtx<'_>) -> Result<Self, Diag> {
        let mut any = Vec::new();
        let mut all: Vec<Term> = Vec::new();
        let mut is_negated = false;
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            if word.text.eq_ignore_ascii_case(b"or") || word.is("||") {
                any.extend((!all.is_empty()).then(|| std::mem::take(&mut all).into_boxed_slice()));
                is_negated = false;
                continue;
            }
            let mut name = *word;
            while let Some(bare) = name.text.strip_prefix(b"!") {
                is_negated = !is_negated;
                name.text = bare;
            }
            if name.text.is_empty() {
                continue;
            }
            let acl = if name.is("{") {
                let Some(end) = rest.iter().position(|word| word.is("}")) else {
                    return Err(Diag::alert(name.span, "missing closing '}' in condition"));
                };
                let line = parse::line(&rest[..end], "acl '.noname'", name.span, ctx)?;
                rest = &rest[end + 1..];
                Arc::new(Acl {
                    name: "".into(),
                    lines: vec![Arc::new(line)],
                })
            } else {
                let table = ctx.acls;
                table.find_or_make(name, ctx)?
            };
            Self::warn_of_conflict(&acl, name, ctx);
            all.push(Term { is_negated, acl });
            is_negated = false;
        }
        any.extend((!all.is_empty()).then(|| all.into_boxed_slice()));
        Ok(Self {
            is_negated: negate,
            any: any.into(),
        })
    }

    fn warn_of_conflict(acl: &Acl, word: Word<'_>, ctx: &mut BuildCtx<'_>) {
        if let Some(keyword) = acl.conflict(ctx.checkpoint) {
            let who = match acl.name() {
                "" => "anonymous acl".to_owned(),
                name => format!("acl '{name}'"),
            };
            let message = format!(
                "{who} will never match because it uses keyword '{keyword}' which is \
                 incompatible with '{}'",
                ctx.checkpoint.describe()
            );
            ctx.warn(Diag::warning(word.span, message));
        }
    }

    /// Evaluates the condition; `NotYet` never comes from a final view.
    pub fn eval(&self, view: &View<'_>) -> Truth {
        let mut result = Truth::False;
        for all in &self.any {
            let mut suite = Truth::True;
            for term in all {
                let truth = term.acl.eval(view);
                suite = suite.min(if term.is_negated {
                    truth.negated()
                } else {
                    truth
                });
                if suite == Truth::False {
                    break;
                }
            }
            result = result.max(suite);
            if result == Truth::True {
                break;
            }
        }
        if self.is_negated {
            result.negated()
        } else {
            result
        }
    }

    /// The ACLs that it names, for checks of the whole configuration.
    pub fn acls(&self) -> impl Iterator<Item = &Arc<Acl>> {
        self.any.iter().flatten().map(|term| &term.acl)
    }
}
