//! User lists as rules check them.
//!
//! Hashes are checked in [`crate::password`].

use lbd_core::Diag;
use lbd_rules::registry::UserLists;

use super::context::Compiler;
use crate::config::{UserListSpec, UserSpec};
use crate::draft::{Draft, UserListDraft};
use crate::password;

/// All `userlist` sections.
#[derive(Debug)]
pub(super) struct Users {
    lists: Vec<UserListSpec>,
}

impl Users {
    pub(super) fn new(draft: &Draft) -> Self {
        Self {
            lists: draft.user_lists.iter().map(list).collect(),
        }
    }
}

/// Groups of users from both kinds of lines; names that do not exist are left out, and told by
/// [`Compiler::user_list_specs`].
fn list(draft: &UserListDraft) -> UserListSpec {
    let groups: Vec<Box<str>> = draft
        .groups
        .iter()
        .map(|group| group.name.name.as_str().into())
        .collect();
    let users = draft
        .users
        .iter()
        .map(|user| {
            let name = &user.name.name;
            let belongs = |at: &usize| {
                let group = &draft.groups[*at];
                let by_user = user.groups.iter().any(|said| said.name == group.name.name);
                let by_group = group.users.iter().flatten().any(|said| said.name == *name);
                by_user || by_group
            };
            UserSpec {
                name: name.as_str().into(),
                password: user.password.as_deref().unwrap_or("").into(),
                is_clear: user.is_clear,
                groups: (0..draft.groups.len()).filter(belongs).collect(),
            }
        })
        .collect();
    UserListSpec {
        name: draft.name.as_str().into(),
        groups,
        users,
    }
}

impl UserLists for Users {
    fn check(&self, list: usize, user: &[u8], password: &[u8]) -> bool {
        let users = self.lists.get(list).map_or(&[][..], |list| &list.users);
        let Some(known) = users.iter().find(|known| known.name.as_bytes() == user) else {
            return false;
        };
        match known.is_clear {
            true => password::same(password, known.password.as_bytes()),
            false => password::verify(password, &known.password),
        }
    }

    fn has_group(&self, list: usize, group: &[u8]) -> bool {
        let list = self.lists.get(list);
        list.is_some_and(|list| list.groups.iter().any(|known| known.as_bytes() == group))
    }

    fn groups(&self, list: usize, user: &[u8], visit: &mut dyn FnMut(&str)) {
        let Some(list) = self.lists.get(list) else {
            return;
        };
        let known = list
            .users
            .iter()
            .find(|known| known.name.as_bytes() == user);
        for group in known.iter().flat_map(|known| &known.groups) {
            if let Some(name) = list.groups.get(*group) {
                visit(name);
            }
        }
    }
}

impl Compiler<'_> {
    /// The lists, with what they name and do not have told.
    pub(super) fn user_list_specs(&mut self) -> Vec<UserListSpec> {
        for draft in &self.draft.user_lists {
            for user in &draft.users {
                for said in &user.groups {
                    if !draft
                        .groups
                        .iter()
                        .any(|group| group.name.name == said.name)
                    {
                        self.diags.push(Diag::alert(
                            said.span,
                            format!(
                                "userlist '{}': no such group '{}' specified in user '{}'",
                                draft.name, said.name, user.name.name
                            ),
                        ));
                    }
                }
            }
            for group in &draft.groups {
                for said in group.users.iter().flatten() {
                    if !draft.users.iter().any(|user| user.name.name == said.name) {
                        self.diags.push(Diag::alert(
                            said.span,
                            format!(
                                "userlist '{}': no such user '{}' specified in group '{}'",
                                draft.name, said.name, group.name.name
                            ),
                        ));
                    }
                }
            }
        }
        self.names.users.lists.clone()
    }
}
