//! `http_auth_group` in an ACL: the patterns are groups of a user list, and the user who is asking
//! must be in one of them (haproxy 3.4 configuration 7.3.6).
//!
//! Credentials are the fetch's business.

use std::sync::Arc;

use lbd_core::{Diag, Span, Value};

use crate::expr::{Expr, args};
use crate::pattern::Matcher;
use crate::registry::{BuildCtx, UserLists};
use crate::view::View;
use crate::word::Word;

/// The keyword whose patterns are groups.
pub(super) const KEYWORD: &str = "http_auth_group";

/// Groups of one list.
#[derive(Debug)]
pub(super) struct Groups {
    users: Arc<dyn UserLists>,
    list: usize,
    lists: Box<[Arc<Matcher>]>,
}

impl Groups {
    /// The test of `expr`'s value; a name that is no group of its list is told in `ctx`. `None`
    /// without a list.
    pub(super) fn of(
        expr: &Expr,
        lists: Box<[Arc<Matcher>]>,
        names: &[Word<'_>],
        ctx: &mut BuildCtx<'_>,
    ) -> Option<Self> {
        let argument = expr.text().get(KEYWORD.len() + 1..)?;
        let (list, _) = args::word(argument)?;
        let list = ctx.names.user_list(&String::from_utf8_lossy(&list))?;
        let users = ctx.names.user_lists();
        for name in names {
            if !users.has_group(list, name.text) {
                let message = format!("{KEYWORD}(): invalid group '{}'.", name.lossy());
                ctx.warn(Diag::alert(name.span, message));
            }
        }
        Some(Self { users, list, lists })
    }

    /// Whether the user `value` is in a group of the lists.
    pub(super) fn holds<'a>(&self, view: &View<'a>, value: Value<'a>) -> bool {
        let (Value::Str(user) | Value::Bin(user)) = value else {
            return false;
        };
        let mut hit = false;
        self.users.groups(self.list, user, &mut |group| {
            let group = || Value::Str(view.keep(group.as_bytes()));
            hit = hit
                || self
                    .lists
                    .iter()
                    .any(|list| list.is_match(group(), view.arena));
        });
        hit
    }

    pub(super) fn lists(&self) -> &[Arc<Matcher>] {
        &self.lists
    }
}

/// What the reference says of lines that compare anything else than names written on them.
pub(super) fn none_said(span: Span) -> Diag {
    let message = format!("{KEYWORD}(): no groups specified.");
    let hint = "Name groups of the list on the line itself, without '-m', '-f' and converters.";
    Diag::alert(span, message).hint(hint)
}
