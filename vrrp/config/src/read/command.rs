//! Scripts: their words, their user, and whether they may run.

use crate::config::{Command, User};
use crate::lex::Word;
use crate::read::Cx;
use crate::tree::Item;

/// `KEYWORD SCRIPT [USER [GROUP]]`. A quoted script holds its arguments; within it single quotes
/// keep blanks.
pub(crate) fn of(cx: &mut Cx<'_>, item: &Item) -> Option<Command> {
    let values = item.values();
    let script = values.first()?;
    let words = split(&script.text);
    if words.is_empty() {
        cx.error(
            item.span(),
            format!("{} without a script", item.keyword()),
            "",
        );
        return None;
    }
    let user = match values.get(1) {
        Some(_) => Some(user(cx, &values[1..])?),
        None => None,
    };
    Some(Command { words, user })
}

/// `USER [GROUP]`.
pub(crate) fn user(cx: &mut Cx<'_>, words: &[Word]) -> Option<User> {
    let name = words.first()?;
    let group = words.get(1).map(|word| word.text.as_str());
    match cx.host.user(&name.text, group) {
        Ok(user) => Some(user),
        Err(reason) => {
            cx.error(name.span, reason, "Make the user, or name another one.");
            None
        }
    }
}

/// Words at blanks; single and double quotes keep them.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => current.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                current.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(current.take()),
            None => current.get_or_insert_default().push(c),
        }
    }
    words.extend(current);
    words
}
