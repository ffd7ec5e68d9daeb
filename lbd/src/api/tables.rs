//! `show table`, `clear table`, `set table` (haproxy 3.4 management 9.3).
//!
//! Workers go on while a table is walked: it is done in slices.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use bumpalo::Bump;
use lbd_config::config::AccessLevel;
use lbd_core::Value;
use lbd_rules::cast;
use lbd_table::{
    DataType, EntryId, EntryMut, EntryView, Filter, Key, KeyType, Operator, Removal, Table, Walk,
};

use super::command::{ApiCommand, Call};

pub(super) const COMMANDS: &[ApiCommand] = &[
    ApiCommand {
        words: &["clear", "table"],
        usage: "clear table <table> [<filter>]*",
        describe: "remove entries of a stick table (filter: data/key/ptr)",
        level: AccessLevel::User,
        run: |call| table_command(call, What::Clear),
    },
    ApiCommand {
        words: &["set", "table"],
        usage: "set table <table> key <k> [data.* <v>]*",
        describe: "create or change an entry of a stick table",
        level: AccessLevel::User,
        run: |call| table_command(call, What::Set),
    },
    ApiCommand {
        words: &["show", "table"],
        usage: "show table <table> [<filter>]*",
        describe: "stick tables, or the entries of one (filter: data/key/ptr)",
        level: AccessLevel::User,
        run: |call| table_command(call, What::Show),
    },
];

/// Filters of one command.
const MAX_FILTERS: usize = 4;

/// Rows of a slice.
const SLICE: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Clear,
    Set,
    Show,
}

impl What {
    fn usage(self) -> &'static str {
        match self {
            Self::Clear => {
                "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or \
                 <table> key <key> or <table> ptr <ptr>"
            }
            Self::Set => {
                "Required arguments: <table> key <key> [data.<store_data_type> <value>]* or \
                 <table> ptr <ptr> [data.<store_data_type> <value>]*"
            }
            Self::Show => {
                "Optional argument only supports \"data.<store_data_type>\" <operator> <value> or \
                 key <key> or ptr <ptr>"
            }
        }
    }
}

fn table_command(call: &mut Call<'_>, what: What) {
    let name = call.arg(0);
    if name.is_empty() {
        return match what {
            What::Show => all(call),
            What::Clear | What::Set => call.fail(what.usage()),
        };
    }
    let Some(table) = call.daemon.shared.current().table_named(name).cloned() else {
        return call.fail("No such table");
    };
    let is_operator = call.caller.level >= AccessLevel::Operator;
    if what != What::Show && !is_operator {
        call.out.push_str("Permission denied\n");
        return;
    }
    match call.arg(1) {
        // As in the reference nothing is said.
        "" if what == What::Set => {}
        "" => entries(call, &table, what, &[], is_operator),
        "key" => by_key(call, &table, what, is_operator),
        "ptr" => by_place(call, &table, what, is_operator),
        word if word.starts_with("data.") && what != What::Set => match filters(call, &table) {
            Ok(filters) => entries(call, &table, what, &filters, is_operator),
            Err(fault) => call.fail(&fault),
        },
        word if word.starts_with("data.") => call
            .fail("content-based lookup is only supported with the \"show\" and \"clear\" actions"),
        _ => call.fail(what.usage()),
    }
}

/// The list of tables, the one declared last first, as the reference does.
fn all(call: &mut Call<'_>) {
    let generation = call.daemon.shared.current();
    let mut specs: Vec<_> = generation.config.tables.iter().collect();
    specs.sort_by_key(|spec| std::cmp::Reverse((spec.span.file, spec.span.line)));
    for spec in specs {
        if let Some(table) = generation.tables.get(spec.id.index()) {
            head(table, call.out);
        }
    }
}

fn head(table: &Table, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "# table: {}, type: {}, size:{}, used:{}",
        table.name(),
        table.schema().key.name(),
        table.schema().size,
        table.used()
    );
}

/// Shows or clears the entries that pass the filters.
fn entries(
    call: &mut Call<'_>,
    table: &Arc<Table>,
    what: What,
    filters: &[Filter],
    is_operator: bool,
) {
    if what == What::Show {
        head(table, call.out);
    }
    if !is_operator {
        return;
    }
    let shared = &call.daemon.shared;
    let passes = |entry: &EntryView<'_>| filters.iter().all(|filter| filter.matches(entry));
    let mut walk = Walk::default();
    loop {
        let now = shared.now();
        let has_more = match what {
            What::Clear => table.clear_slice(&mut walk, now, SLICE, passes),
            What::Set | What::Show => table.walk(&mut walk, now, SLICE, |entry| {
                if passes(entry) {
                    entry.write_line(call.out);
                }
                ControlFlow::Continue(())
            }),
        };
        if !has_more || !call.hand_on() {
            return;
        }
    }
}

fn filters(call: &Call<'_>, table: &Table) -> Result<Vec<Filter>, String> {
    let mut filters = Vec::new();
    let mut at = 1;
    while !call.arg(at).is_empty() {
        if filters.len() == MAX_FILTERS {
            return Err(format!(
                "Detected extra data in filter, {}th word of input, after '{}'",
                at + 3,
                call.arg(at - 1)
            ));
        }
        let number = filters.len() + 1;
        let fault = |text: &str| Err(format!("Filter entry #{number}: {text}"));
        let name = call.arg(at).strip_prefix("data.").unwrap_or("");
        let Some((data, index)) = DataType::parse(name) else {
            return fault("Unknown data type");
        };
        if table.schema().stored(data).is_none() {
            return fault("Data type not stored in this table");
        }
        let Some(operator) = Operator::named(call.arg(at + 1)) else {
            return fault(
                "Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"",
            );
        };
        let Ok(value) = call.arg(at + 2).parse() else {
            return fault("Require a valid integer value to compare against");
        };
        filters.push(Filter {
            data,
            index,
            operator,
            value,
        });
        at += 3;
    }
    Ok(filters)
}

fn by_key(call: &mut Call<'_>, table: &Arc<Table>, what: What, is_operator: bool) {
    let text = call.arg(2).to_owned();
    if text.is_empty() {
        return call.fail("Key value expected");
    }
    let kind = table.schema().key;
    let arena = Bump::new();
    let value = cast::to(Value::Str(text.as_bytes()), kind.sample_type(), &arena);
    let Some(key) = value.and_then(|value| Key::of(value, kind)) else {
        return call.fail("Invalid key");
    };
    if matches!(kind, KeyType::Binary { .. }) {
        return call.fail(match what {
            What::Show => {
                "Showing keys from tables of type other than ip, ipv6, string and integer is not \
                 supported"
            }
            What::Clear => {
                "Removing keys from tables of type other than ip, ipv6, string and integer is not \
                 supported"
            }
            What::Set => {
                "Inserting keys into tables of type other than ip, ipv6, string and integer is \
                 not supported"
            }
        });
    }
    if !is_operator {
        call.out.push_str("Permission denied\n");
        return;
    }
    let now = call.daemon.shared.now();
    match what {
        What::Show => {
            let mut line = String::new();
            let found = table.read(&key, now, |entry| entry.write_line(&mut line));
            if found.is_some() {
                head(table, call.out);
                call.out.push_str(&line);
            }
        }
        What::Clear => removed(call, table.remove(&key, now)),
        What::Set => {
            let (values, fault) = assignments(call, table);
            if table
                .upsert(&key, now, |entry| assign(entry, &values))
                .is_err()
            {
                return call.fail("Unable to allocate a new entry");
            }
            fault.iter().for_each(|fault| call.fail(fault));
        }
    }
}

fn by_place(call: &mut Call<'_>, table: &Arc<Table>, what: What, is_operator: bool) {
    let Some(digits) = call.arg(2).strip_prefix("0x") else {
        return call.fail("Pointer expected (0xffff notation)");
    };
    if u64::from_str_radix(digits, 16).is_err() {
        return call.fail("Malformed ptr.");
    }
    let now = call.daemon.shared.now();
    let mut line = String::new();
    let place = EntryId::parse(digits);
    let found = place.filter(|place| {
        let read = table.read_at(*place, now, |entry| entry.write_line(&mut line));
        read.is_some()
    });
    let Some(place) = found else {
        return call.fail("No entry can be found matching ptr.");
    };
    if !is_operator {
        call.out.push_str("Permission denied\n");
        return;
    }
    match what {
        What::Show => {
            head(table, call.out);
            call.out.push_str(&line);
        }
        What::Clear => removed(call, table.remove_at(place, now)),
        What::Set => {
            let (values, fault) = assignments(call, table);
            table.edit_at(place, now, |entry| assign(entry, &values));
            fault.iter().for_each(|fault| call.fail(fault));
        }
    }
}

fn removed(call: &mut Call<'_>, removal: Removal) {
    if removal == Removal::InUse {
        call.fail("Entry currently in use, cannot remove");
    }
}

fn assign(entry: &mut EntryMut<'_>, values: &[(DataType, u32, i64)]) {
    // Also without values the entry is used and its time begins anew.
    entry.touch();
    for &(data, index, value) in values {
        entry.set(data, index, value);
    }
}

/// The values to set, up to the first that has a fault, as the reference does.
fn assignments(call: &Call<'_>, table: &Table) -> (Vec<(DataType, u32, i64)>, Option<String>) {
    let mut values = Vec::new();
    let mut at = 3;
    let fault = loop {
        if call.arg(at).is_empty() {
            break None;
        }
        let fault = |text: &str| Some(text.to_owned());
        let Some(name) = call.arg(at).strip_prefix("data.") else {
            break fault("\"data.<type>\" followed by a value expected");
        };
        let Some((data, index)) = DataType::parse(name) else {
            break fault("Unknown data type");
        };
        let Some(stored) = table.schema().stored(data) else {
            break fault("Data type not stored in this table");
        };
        let Ok(value) = call.arg(at + 1).parse() else {
            break fault("Require a valid integer value to store");
        };
        if index >= u32::from(stored.elements) {
            break fault("index out of range in this data array");
        }
        values.push((data, index, value));
        at += 2;
    };
    (values, fault)
}
