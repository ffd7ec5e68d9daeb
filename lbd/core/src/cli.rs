//! What a program's command line is: the one description that usage pages, manual pages and
//! completions of shells are made from.
//!
//! It reads no command line.

/// A program.
#[derive(Debug, Clone)]
pub struct Program {
    /// What it is called.
    pub name: &'static str,
    /// Section of its manual page.
    pub section: u8,
    /// One line: what it is.
    pub summary: &'static str,
    /// Each way to call it, without its name.
    pub synopsis: &'static [&'static str],
    /// Paragraphs of the manual page.
    pub about: &'static [&'static str],
    /// Flags and commands.
    pub groups: Vec<Group>,
    /// What its exit codes say.
    pub exits: &'static [(&'static str, &'static str)],
    /// What signals make it do.
    pub signals: &'static [(&'static str, &'static str)],
    /// Files it knows.
    pub files: &'static [(&'static str, &'static str)],
    /// Other manual pages.
    pub see_also: &'static [&'static str],
}

/// Flags that belong together.
#[derive(Debug, Clone)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// In the order of the pages.
    pub flags: Vec<Flag>,
}

/// A flag, or a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// As it is written, with its dash.
    pub short: &'static str,
    /// Its long form, or "".
    pub long: &'static str,
    /// What follows it.
    pub value: Value,
    /// What it does.
    pub text: &'static str,
}

/// What follows a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    None,
    /// In the same word, when it is wanted: `-dA/tmp/x.tar`.
    Attached(&'static str),
    /// The next word.
    Next(&'static str),
    /// The next words.
    Several(&'static str),
}

impl Flag {
    /// A flag with one form.
    pub const fn new(short: &'static str, value: Value, text: &'static str) -> Self {
        Self {
            short,
            long: "",
            value,
            text,
        }
    }

    /// Its forms, the short one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.short, self.long]
            .into_iter()
            .filter(|name| !name.is_empty())
    }

    /// As it stands on a page: `-f, --use-file <file>`.
    pub fn head(&self) -> String {
        let names: Vec<_> = self.names().collect();
        let names = names.join(", ");
        match self.value {
            Value::None => names,
            Value::Attached(value) => format!("{names}[{value}]"),
            Value::Next(value) => format!("{names} <{value}>"),
            Value::Several(value) => format!("{names} <{value}>..."),
        }
    }
}

impl Program {
    /// All flags and commands.
    pub fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.groups.iter().flat_map(|group| &group.flags)
    }

    /// The usage page, its last line ended.
    pub fn usage(&self) -> String {
        let mut text = String::new();
        for (index, synopsis) in self.synopsis.iter().enumerate() {
            let begin = if index == 0 { "Usage:" } else { "      " };
            text.push_str(&format!("{begin} {} {synopsis}\n", self.name));
        }
        for group in &self.groups {
            text.push_str(&format!(" {}\n", group.title));
            for flag in &group.flags {
                let head = flag.head();
                if head.len() < HEAD_WIDTH {
                    text.push_str(&format!("   {head:HEAD_WIDTH$}{}\n", flag.text));
                } else {
                    text.push_str(&format!("   {head}\n   {:HEAD_WIDTH$}{}\n", "", flag.text));
                }
            }
        }
        text
    }
}

/// Columns of a flag before its text.
const HEAD_WIDTH: usize = 18;

#[cfg(test)]
mod tests;
