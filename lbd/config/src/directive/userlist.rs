//! Keywords of `userlist`: `group` and `user`.
//!
//! Passwords are checked in [`crate::password`].

use lbd_core::Diag;

use super::directive;
use crate::draft::{GroupDraft, Named, UserDraft, UserListDraft};
use crate::password;
use crate::registry::{Directive, Example, Sections};
use crate::section::Site;
use crate::words::Words;

/// Keywords.
pub const DIRECTIVES: &[Directive] = &[
    directive(
        "group",
        Sections::USERLIST,
        "A group, with the names of its users (12.1).",
        &[
            Example::Ok("group ops users joe,jim"),
            Example::Fail("group", "expects <name>"),
            Example::Fail("group g x", "only supports 'users' option"),
        ],
        group,
    ),
    directive(
        "user",
        Sections::USERLIST,
        "A user with a password, encrypted or clear, and groups (12.1).",
        &[
            Example::Ok("user joe insecure-password secret groups ops"),
            Example::Ok(
                "user jim password $6$saltsalt$bsRWQKh6mQr4UW2MmFC9Bu8WsuLbB2KLtZ/sI4oQZyxPSNcBKiMMAy7qjvd7vNSXbnDD1U7C0hKTFh8sYpgTe/",
            ),
            Example::Fail("user", "expects <name>"),
            Example::Fail(
                "user joe pass x",
                "only supports 'password', 'insecure-password' and 'groups' options",
            ),
            Example::Fail("user joe password $9$x", "not supported by crypt(3)"),
        ],
        user,
    ),
];

fn list<'s>(site: &'s mut Site<'_>, words: &Words<'_>) -> Result<&'s mut UserListDraft, Diag> {
    let line = words.line();
    site.draft
        .user_lists
        .last_mut()
        .ok_or_else(|| Diag::alert(line, "no userlist"))
}

fn names(words: &mut Words<'_>, keyword: &str) -> Result<Vec<Named>, Diag> {
    let text = words.expect(keyword, "a list of names as argument.")?;
    let span = words.last();
    Ok(text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| Named {
            name: name.to_owned(),
            span,
        })
        .collect())
}

fn group(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.expect("group", "<name> as arguments.")?.to_owned();
    let span = words.last();
    let mut users = None;
    while let Some(word) = words.text()? {
        match word {
            "users" if users.is_some() => {
                return Err(Diag::alert(
                    words.last(),
                    format!("'users' option already defined in 'group' name '{name}'."),
                ));
            }
            "users" => users = Some(names(words, "users")?),
            _ => {
                return Err(Diag::alert(
                    words.last(),
                    "'group' only supports 'users' option.",
                ));
            }
        }
    }
    let list = list(site, words)?;
    if list.groups.iter().any(|group| group.name.name == name) {
        let message = format!(
            "ignoring duplicated group '{name}' in userlist '{}'.",
            list.name
        );
        site.warn(span, message);
        return Ok(());
    }
    list.groups.push(GroupDraft {
        name: Named { name, span },
        users,
    });
    Ok(())
}

fn user(site: &mut Site<'_>, words: &mut Words<'_>) -> Result<(), Diag> {
    let name = words.expect("user", "<name> as arguments.")?.to_owned();
    let span = words.last();
    let mut draft = UserDraft {
        name: Named {
            name: name.clone(),
            span,
        },
        password: None,
        is_clear: false,
        groups: Vec::new(),
    };
    while let Some(word) = words.text()? {
        match word {
            "password" => {
                let hash = words.expect("password", "an encrypted password as argument.")?;
                if !password::is_supported(hash) {
                    return Err(Diag::alert(
                        words.last(),
                        format!(
                            "the encrypted password used for user '{name}' is not supported by \
                             crypt(3)."
                        ),
                    )
                    .hint("Make one by 'mkpasswd -m sha-512', or use 'insecure-password'."));
                }
                draft.password = Some(hash.to_owned());
                draft.is_clear = false;
            }
            "insecure-password" => {
                let clear = words.expect("insecure-password", "a password as argument.")?;
                draft.password = Some(clear.to_owned());
                draft.is_clear = true;
            }
            "groups" => draft.groups.extend(names(words, "groups")?),
            _ => {
                return Err(Diag::alert(
                    words.last(),
                    "'user' only supports 'password', 'insecure-password' and 'groups' options.",
                ));
            }
        }
    }
    let list = list(site, words)?;
    if list.users.iter().any(|user| user.name.name == name) {
        let message = format!(
            "ignoring duplicated user '{name}' in userlist '{}'.",
            list.name
        );
        site.warn(span, message);
        return Ok(());
    }
    list.users.push(draft);
    Ok(())
}
