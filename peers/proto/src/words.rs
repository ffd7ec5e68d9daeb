//! What operators have said while running, as all nodes of lbd know it: server states, weights and
//! addresses, entries of maps and ACLs; and what each node's checks have found of servers.
//!
//! It carries nothing out and knows no server: whoever does is told of each word that wins.
//!
//! # Which word wins
//!
//! Of two words about one thing the one with the higher logical clock, and of equal ones that of the
//! node with the greater name. A node's clock is above all that it has heard, so that who speaks
//! knowing of another word wins over it, whatever the wall clocks say; when and by whom a word was
//! said is only shown. But a node that starts again and has heard nothing yet begins to count anew: of
//! its own words with one clock the one said later wins. A word about a whole list (it was cleared) wins the same way over words about
//! its entries, and makes them forgotten. So any order of arrival ends in the same words on all nodes.
//!
//! That an entry was deleted is a word as well. Rules may delete entries without end, so theirs are
//! forgotten after [`KEEP_DELETED`], and before new words are refused; those of operators are kept.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use lbd_core::Time;

use crate::codec::{Fault, Fields};
use crate::varint;

/// Class of messages of nodes of lbd about words.
pub const CLASS: u8 = 76;

/// The type of that class: one word.
pub const WORD: u8 = 0x80;

/// Most things that words may be about. For more the oldest deletions by rules are forgotten; where
/// there is none they are refused, and counted.
pub const MAX_WORDS: usize = 65_536;

/// Who says what rules have changed.
pub const RULES: &str = "a rule";

/// How long it is remembered that a rule has deleted an entry. A node that was away for longer, and
/// has not heard of it, tells the others of the entry again.
pub const KEEP_DELETED: Duration = Duration::from_secs(3600);

/// Longest text of a word.
pub const MAX_TEXT: usize = 4096;

/// What a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An entry of an ACL: scope is its name, key the pattern.
    Acl = 0,
    /// An entry of a map: scope is its name, key the key.
    Map = 1,
    /// Where a server is: scope is backend and server, the value an address with a port.
    ServerAddress = 2,
    /// `ready`, `drain` or `maint`: scope is backend and server.
    ServerState = 3,
    /// A server's weight as an operator writes it: scope is backend and server.
    ServerWeight = 4,
    /// All entries of an ACL: scope is its name, no key, and no value: it was cleared.
    WholeAcl = 5,
    /// All entries of a map, in the same way.
    WholeMap = 6,
    /// What a node's checks have found, `up` or `down`: scope is backend and server, key the node. It
    /// is shown, and where no check has ended yet a server begins with it.
    ServerHealth = 7,
    /// Keys of session tickets, in base64 with commas, the oldest first: scope is their file. Without
    /// a scope secrets from which the keys of lines without a file are derived. Told only where both
    /// ends have verified each other's certificate.
    TicketKeys = 8,
}

impl Subject {
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Acl,
            1 => Self::Map,
            2 => Self::ServerAddress,
            3 => Self::ServerState,
            4 => Self::ServerWeight,
            5 => Self::WholeAcl,
            6 => Self::WholeMap,
            7 => Self::ServerHealth,
            8 => Self::TicketKeys,
            _ => return None,
        })
    }

    /// Whether its value is for nobody else to see.
    pub fn is_secret(self) -> bool {
        self == Self::TicketKeys
    }

    /// The list that an entry is in.
    fn whole(self) -> Option<Self> {
        match self {
            Self::Acl => Some(Self::WholeAcl),
            Self::Map => Some(Self::WholeMap),
            _ => None,
        }
    }

    /// What a list has in it.
    fn entries(self) -> Option<Self> {
        match self {
            Self::WholeAcl => Some(Self::Acl),
            Self::WholeMap => Some(Self::Map),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acl | Self::WholeAcl => "acl",
            Self::Map | Self::WholeMap => "map",
            Self::ServerAddress => "server-addr",
            Self::ServerHealth => "server-health",
            Self::ServerState => "server-state",
            Self::ServerWeight => "server-weight",
            Self::TicketKeys => "tls-keys",
        })
    }
}

/// What a word is about, in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// What kind of thing.
    pub subject: Subject,
    /// Which server, map or ACL.
    pub scope: String,
    /// Which entry or node; empty for what is said of a server for all.
    pub key: String,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it is about.
    pub thing: Thing,
    /// What was said; none when an entry was deleted.
    pub value: Option<String>,
    /// The logical clock at which it was said.
    pub clock: u64,
    /// The node on which it was said.
    pub node: String,
    /// The wall clock there, in milliseconds.
    pub wall_ms: u64,
    /// Who said it.
    pub who: String,
}

impl Word {
    /// Appends it as the body of a message.
    pub fn put(&self, out: &mut Vec<u8>) {
        let text = |out: &mut Vec<u8>, text: &str| {
            varint::put(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        };
        varint::put(out, self.thing.subject as u64);
        text(out, &self.thing.scope);
        text(out, &self.thing.key);
        varint::put(out, u64::from(self.value.is_some()));
        text(out, self.value.as_deref().unwrap_or(""));
        varint::put(out, self.clock);
        text(out, &self.node);
        varint::put(out, self.wall_ms);
        text(out, &self.who);
    }

    /// Reads the body of a message; none when it is about something that is not known here.
    ///
    /// # Errors
    /// A body that ends too early, or a text that is too long or none.
    pub fn take(body: &[u8]) -> Result<Option<Self>, Fault> {
        let mut fields = Fields::new(body);
        let subject = fields.varint()?;
        let scope = text(&mut fields)?;
        let key = text(&mut fields)?;
        let has_value = fields.varint()? != 0;
        let value = text(&mut fields)?;
        let clock = fields.varint()?;
        let node = text(&mut fields)?;
        let wall_ms = fields.varint()?;
        let who = text(&mut fields)?;
        Ok(Subject::of(subject).map(|subject| Self {
            thing: Thing {
                subject,
                scope,
                key,
            },
            value: has_value.then_some(value),
            clock,
            node,
            wall_ms,
            who,
        }))
    }

    fn wins_over(&self, other: &Self) -> bool {
        (self.clock, &self.node, self.wall_ms) > (other.clock, &other.node, other.wall_ms)
    }
}

fn text(fields: &mut Fields<'_>) -> Result<String, Fault> {
    let bytes = fields.counted()?;
    if bytes.len() > MAX_TEXT {
        return Err(Fault::Protocol);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Protocol)?;
    // It is shown to operators line by line.
    match text.chars().any(char::is_control) {
        true => Err(Fault::Protocol),
        false => Ok(text.to_owned()),
    }
}

/// All words that a node knows, in the order in which it learned them.
#[derive(Debug, Default)]
pub struct Words {
    by_thing: BTreeMap<Thing, (u64, Word)>,
    order: BTreeMap<u64, Thing>,
    /// Numbers of deletions by rules, and until when they are kept; some are out of date.
    deleted: VecDeque<(Time, u64)>,
    last: u64,
    clock: u64,
    /// Deletions forgotten before their time, to make room.
    pub forgotten: u64,
    /// Words refused because there are too many.
    pub refused: u64,
}

impl Words {
    /// An operator of this node says something; the word to tell others, or none when there are too
    /// many or it is too long.
    pub fn say(&mut self, said: Said, node: &str, now: Time) -> Option<&Word> {
        let too_long = [&said.thing.scope, &said.thing.key, &said.who]
            .into_iter()
            .chain(&said.value)
            .any(|text| text.len() > MAX_TEXT || text.chars().any(char::is_control));
        if too_long {
            self.refused += 1;
            return None;
        }
        let word = Word {
            thing: said.thing,
            value: said.value,
            clock: self.clock.saturating_add(1),
            node: node.to_owned(),
            wall_ms: said.wall_ms,
            who: said.who,
        };
        let thing = word.thing.clone();
        match self.hear(word, now) {
            true => self.by_thing.get(&thing).map(|(_, word)| word),
            false => None,
        }
    }

    /// A word of another node, or of this one: whether it wins.
    pub fn hear(&mut self, word: Word, now: Time) -> bool {
        self.forget(now);
        // A clock at its end cannot be outdone: nobody gets there by counting.
        if word.clock > MAX_CLOCK {
            self.refused += 1;
            return false;
        }
        self.clock = self.clock.max(word.clock);
        let list = word.thing.subject.whole().map(|subject| Thing {
            subject,
            scope: word.thing.scope.clone(),
            key: String::new(),
        });
        let cleared = list.and_then(|list| self.by_thing.get(&list));
        if cleared.is_some_and(|(_, cleared)| !word.wins_over(cleared)) {
            return false;
        }
        let is_full = self.by_thing.len() >= MAX_WORDS;
        if is_full && !self.by_thing.contains_key(&word.thing) && !self.make_room() {
            self.refused += 1;
            return false;
        }
        match self.by_thing.get(&word.thing) {
            Some((_, known)) if !word.wins_over(known) => return false,
            Some((number, _)) => {
                self.order.remove(number);
            }
            None => {}
        }
        self.last += 1;
        let is_of_entry = word.thing.subject.whole().is_some();
        if is_of_entry && word.value.is_none() && word.who == RULES {
            self.deleted.push_back((now + KEEP_DELETED, self.last));
        }
        self.order.insert(self.last, word.thing.clone());
        for entry in self.entries(&word.thing) {
            if let Some((number, known)) = self.by_thing.get(&entry)
                && !known.wins_over(&word)
            {
                self.order.remove(number);
                self.by_thing.remove(&entry);
            }
        }
        self.by_thing.insert(word.thing.clone(), (self.last, word));
        true
    }

    /// Forgets deletions whose time is over.
    fn forget(&mut self, now: Time) {
        while self.deleted.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
        // What was deleted and said again leaves a place here.
        if self.deleted.len() > 2 * MAX_WORDS {
            let order = &self.order;
            self.deleted
                .retain(|(_, number)| order.contains_key(number));
        }
    }

    /// Forgets the deletion that was heard of first; whether there was one.
    fn make_room(&mut self) -> bool {
        while !self.deleted.is_empty() {
            if self.forget_first() {
                self.forgotten += 1;
                return true;
            }
        }
        false
    }

    fn forget_first(&mut self) -> bool {
        let first = self.deleted.pop_front();
        // A number is of one word, which is another one once it was said again.
        let thing = first.and_then(|(_, number)| self.order.remove(&number));
        thing.is_some_and(|thing| self.by_thing.remove(&thing).is_some())
    }

    /// What words are about that are about entries of a list.
    fn entries(&self, list: &Thing) -> Vec<Thing> {
        let Some(subject) = list.subject.entries() else {
            return Vec::new();
        };
        let first = Thing {
            subject,
            scope: list.scope.clone(),
            key: String::new(),
        };
        let from = self.by_thing.range(first..).map(|(thing, _)| thing);
        let its = from.take_while(|thing| thing.subject == subject && thing.scope == list.scope);
        its.cloned().collect()
    }

    /// Words about entries of a list that were said after it was cleared: they are to be carried out
    /// again when it was.
    pub fn after(&self, list: &Thing) -> Vec<Word> {
        let entries = self.entries(list).into_iter();
        let words = entries.filter_map(|entry| self.by_thing.get(&entry));
        words.map(|(_, word)| word.clone()).collect()
    }

    /// The word about something.
    pub fn of(&self, thing: &Thing) -> Option<&Word> {
        self.by_thing.get(thing).map(|(_, word)| word)
    }

    /// Words learned after the one with that number, in order, with their numbers.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Word)> {
        let later = self.order.range(number.saturating_add(1)..);
        later.filter_map(|(number, thing)| Some((*number, &self.by_thing.get(thing)?.1)))
    }

    /// The number of the word learned last.
    pub fn last(&self) -> u64 {
        self.last
    }
}

/// What an operator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What it is about.
    pub thing: Thing,
    /// What is said; none when an entry is deleted.
    pub value: Option<String>,
    /// Who says it.
    pub who: String,
    /// The wall clock, in milliseconds.
    pub wall_ms: u64,
}

/// Highest clock that is believed.
const MAX_CLOCK: u64 = 1 << 62;

#[cfg(test)]
mod tests;
