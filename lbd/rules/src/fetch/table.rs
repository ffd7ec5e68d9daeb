//! Fetches of stick tables: tracked counters `sc_*`, `sc0_*` to `sc2_*`, the source's entry
//! `src_*`, and the tables themselves (manual 7.3.3).
//!
//! The same quantities are asked of a tracked entry by number, by the number in the name, and of
//! the entry of the source address: one list of rows makes the families.

use lbd_core::{TableId, Type, Value};
use lbd_table::{DataType as D, EntryMut, Key};

use super::{Built, CLIENT, RUNTIME, boolean, int, ip, number, one};
use crate::arg::{Arg, ArgKind, ArgSpec};
use crate::registry::{Example, Fetch};
use crate::track::quantity::Quantity as Q;
use crate::track::quantity::Which as W;
use crate::track::{Entry, key, tracked};
use crate::view::View;

const INT: ArgSpec = ArgSpec::required(ArgKind::Int);
const TABLE_ARG: &[ArgSpec] = &[ArgSpec::required(ArgKind::Table)];
const OPT_TABLE: &[ArgSpec] = &[ArgSpec::optional(ArgKind::Table)];
const INT_OPT_TABLE: &[ArgSpec] = &[INT, ArgSpec::optional(ArgKind::Table)];
const INT_INT_OPT_TABLE: &[ArgSpec] = &[INT, INT, ArgSpec::optional(ArgKind::Table)];
const INT_TABLE: &[ArgSpec] = &[INT, ArgSpec::required(ArgKind::Table)];

/// Gives the rows to a macro: name behind the prefix, quantity, where it may be used, what it is.
macro_rules! with_rows {
    ($family:ident $($head:tt)*) => {
        $family! { $($head)*
            "bytes_in_rate" Q::Data(D::BytesInRate), RUNTIME, "Bytes from clients in the period.";
            "bytes_out_rate" Q::Data(D::BytesOutRate), RUNTIME, "Bytes to clients in the period.";
            "clr_gpc0" Q::ClearGpc(W::First), RUNTIME, "The first general purpose counter, which is set to zero.";
            "clr_gpc1" Q::ClearGpc(W::Second), RUNTIME, "The second general purpose counter, which is set to zero.";
            "conn_cnt" Q::Data(D::ConnCnt), RUNTIME, "Connections so far.";
            "conn_cur" Q::Data(D::ConnCur), RUNTIME, "Connections at this moment.";
            "conn_rate" Q::Data(D::ConnRate), RUNTIME, "Connections in the period.";
            "get_gpc0" Q::Gpc(W::First), RUNTIME, "The first general purpose counter.";
            "get_gpc1" Q::Gpc(W::Second), RUNTIME, "The second general purpose counter.";
            "get_gpt0" Q::Gpt(W::First), RUNTIME, "The first general purpose tag.";
            "glitch_cnt" Q::Data(D::GlitchCnt), RUNTIME, "Glitches of client connections so far.";
            "glitch_rate" Q::Data(D::GlitchRate), RUNTIME, "Glitches of client connections in the period.";
            "gpc0_rate" Q::GpcRate(W::First), RUNTIME, "Rate of the first general purpose counter.";
            "gpc1_rate" Q::GpcRate(W::Second), RUNTIME, "Rate of the second general purpose counter.";
            "http_err_cnt" Q::Data(D::HttpErrCnt), RUNTIME, "HTTP errors by clients so far.";
            "http_err_rate" Q::Data(D::HttpErrRate), RUNTIME, "HTTP errors by clients in the period.";
            "http_fail_cnt" Q::Data(D::HttpFailCnt), RUNTIME, "HTTP failures of servers so far.";
            "http_fail_rate" Q::Data(D::HttpFailRate), RUNTIME, "HTTP failures of servers in the period.";
            "http_req_cnt" Q::Data(D::HttpReqCnt), RUNTIME, "HTTP requests so far.";
            "http_req_rate" Q::Data(D::HttpReqRate), RUNTIME, "HTTP requests in the period.";
            "inc_gpc0" Q::IncGpc(W::First), RUNTIME, "The first general purpose counter after counting one more.";
            "inc_gpc1" Q::IncGpc(W::Second), RUNTIME, "The second general purpose counter after counting one more.";
            "kbytes_in" Q::Kbytes(D::BytesInCnt), CLIENT, "Bytes from clients in units of 1024.";
            "kbytes_out" Q::Kbytes(D::BytesOutCnt), CLIENT, "Bytes to clients in units of 1024.";
            "sess_cnt" Q::Data(D::SessCnt), RUNTIME, "Sessions so far.";
            "sess_rate" Q::Data(D::SessRate), RUNTIME, "Sessions in the period.";
        }
    };
}

/// One family of fetches of tracked counters by the number in their name, sorted by name. The
/// number's own words stand in `special`.
macro_rules! numbered {
    ($number:literal $prefix:literal [$($special:expr),*] $($name:literal $quantity:expr, $valid:expr, $doc:literal;)*) => {
        sorted([
            $(Fetch {
                name: concat!($prefix, $name),
                args: OPT_TABLE,
                out: Type::Int,
                valid: $valid,
                doc: concat!($doc, " Of the entry tracked by this counter, or of its key in another table (manual 7.3.3)."),
                examples: &[
                    Example::Ok(concat!($prefix, $name)),
                    Example::Ok(concat!($prefix, $name, "(t)")),
                    Example::Fail(concat!($prefix, $name, "(nowhere)"), "unable to find table 'nowhere'"),
                ],
                build: |_, args| of_counter(Some($number), None, &args, 0, $quantity),
            },)*
            Fetch {
                name: concat!($prefix, "key"),
                args: &[],
                out: Type::Any,
                valid: RUNTIME,
                doc: "The key tracked by this counter (manual 7.3.3).",
                examples: &[Example::Ok(concat!($prefix, "key"))],
                build: |_, _| key_of($number),
            },
            Fetch {
                name: concat!($prefix, "tracked"),
                args: OPT_TABLE,
                out: Type::Bool,
                valid: RUNTIME,
                doc: "Whether this counter tracks an entry (manual 7.3.3).",
                examples: &[Example::Ok(concat!($prefix, "tracked"))],
                build: |_, args| is_tracked(Some($number), &args),
            },
            Fetch {
                name: concat!($prefix, "trackers"),
                args: OPT_TABLE,
                out: Type::Int,
                valid: RUNTIME,
                doc: "How many sessions and streams track the entry of this counter (manual 7.3.3).",
                examples: &[Example::Ok(concat!($prefix, "trackers"))],
                build: |_, args| of_counter(Some($number), None, &args, 0, Q::Trackers),
            },
            $($special,)*
        ])
    };
}

/// The family with the counter's number as an argument.
macro_rules! by_number {
    ($($name:literal $quantity:expr, $valid:expr, $doc:literal;)*) => {
        sorted([
            $(Fetch {
                name: concat!("sc_", $name),
                args: INT_OPT_TABLE,
                out: Type::Int,
                valid: $valid,
                doc: concat!($doc, " Of the entry tracked by the counter, or of its key in another table (manual 7.3.3)."),
                examples: &[
                    Example::Ok(concat!("sc_", $name, "(1)")),
                    Example::Ok(concat!("sc_", $name, "(0,t)")),
                    Example::Fail(concat!("sc_", $name), "expected type 'integer' at position 1"),
                ],
                build: |_, args| of_counter(None, None, &args, 0, $quantity),
            },)*
            indexed("sc_clr_gpc", INT_INT_OPT_TABLE, "A general purpose counter of a tracked entry, which is set to zero (manual 7.3.3).",
                &[Example::Ok("sc_clr_gpc(0,1)"), Example::Ok("sc_clr_gpc(0,1,t)")],
                |_, args| of_counter(None, Some(0), &args, 1, Q::ClearGpc(W::At))),
            indexed("sc_get_gpc", INT_INT_OPT_TABLE, "A general purpose counter of a tracked entry (manual 7.3.3).",
                &[Example::Ok("sc_get_gpc(0,1)"), Example::Ok("sc_get_gpc(0,1,t)")],
                |_, args| of_counter(None, Some(0), &args, 1, Q::Gpc(W::At))),
            indexed("sc_get_gpt", INT_INT_OPT_TABLE, "A general purpose tag of a tracked entry (manual 7.3.3).",
                &[Example::Ok("sc_get_gpt(0,1)"), Example::Ok("sc_get_gpt(0,1,t)")],
                |_, args| of_counter(None, Some(0), &args, 1, Q::Gpt(W::At))),
            indexed("sc_gpc_rate", INT_INT_OPT_TABLE, "Rate of a general purpose counter of a tracked entry (manual 7.3.3).",
                &[Example::Ok("sc_gpc_rate(0,1)"), Example::Ok("sc_gpc_rate(0,1,t)")],
                |_, args| of_counter(None, Some(0), &args, 1, Q::GpcRate(W::At))),
            indexed("sc_inc_gpc", INT_INT_OPT_TABLE, "A general purpose counter of a tracked entry after counting one more (manual 7.3.3).",
                &[Example::Ok("sc_inc_gpc(0,1)"), Example::Ok("sc_inc_gpc(0,1,t)")],
                |_, args| of_counter(None, Some(0), &args, 1, Q::IncGpc(W::At))),
            Fetch {
                name: "sc_key",
                args: &[INT],
                out: Type::Any,
                valid: RUNTIME,
                doc: "The key tracked by the counter (manual 7.3.3).",
                examples: &[Example::Ok("sc_key(0)")],
                build: |_, args| key_of(counter_number(&args, 0)),
            },
            Fetch {
                name: "sc_tracked",
                args: INT_OPT_TABLE,
                out: Type::Bool,
                valid: RUNTIME,
                doc: "Whether the counter tracks an entry (manual 7.3.3).",
                examples: &[Example::Ok("sc_tracked(0)"), Example::Ok("sc_tracked(0,t)")],
                build: |_, args| is_tracked(None, &args),
            },
            Fetch {
                name: "sc_trackers",
                args: INT_OPT_TABLE,
                out: Type::Int,
                valid: RUNTIME,
                doc: "How many sessions and streams track the entry of the counter (manual 7.3.3).",
                examples: &[Example::Ok("sc_trackers(0)"), Example::Ok("sc_trackers(0,t)")],
                build: |_, args| of_counter(None, None, &args, 0, Q::Trackers),
            },
        ])
    };
}

/// The family of the source's entry.
macro_rules! of_source {
    ($($name:literal $quantity:expr, $valid:expr, $doc:literal;)*) => {
        sorted([
            $(Fetch {
                name: concat!("src_", $name),
                args: TABLE_ARG,
                out: Type::Int,
                valid: CLIENT,
                doc: concat!($doc, " Of the source address in a table (manual 7.3.3)."),
                examples: &[
                    Example::Ok(concat!("src_", $name, "(t)")),
                    Example::Fail(concat!("src_", $name, "(nowhere)"), "unable to find table 'nowhere'"),
                ],
                build: |_, args| of_src(None, &args, 0, $quantity),
            },)*
            source("src_clr_gpc", "A general purpose counter of the source address, which is set to zero (manual 7.3.3).",
                &[Example::Ok("src_clr_gpc(0,t)")], |_, args| of_src(Some(0), &args, 1, Q::ClearGpc(W::At))),
            source("src_get_gpc", "A general purpose counter of the source address (manual 7.3.3).",
                &[Example::Ok("src_get_gpc(0,t)")], |_, args| of_src(Some(0), &args, 1, Q::Gpc(W::At))),
            source("src_get_gpt", "A general purpose tag of the source address (manual 7.3.3).",
                &[Example::Ok("src_get_gpt(0,t)")], |_, args| of_src(Some(0), &args, 1, Q::Gpt(W::At))),
            source("src_gpc_rate", "Rate of a general purpose counter of the source address (manual 7.3.3).",
                &[Example::Ok("src_gpc_rate(0,t)")], |_, args| of_src(Some(0), &args, 1, Q::GpcRate(W::At))),
            source("src_inc_gpc", "A general purpose counter of the source address after counting one more (manual 7.3.3).",
                &[Example::Ok("src_inc_gpc(0,t)")], |_, args| of_src(Some(0), &args, 1, Q::IncGpc(W::At))),
            Fetch {
                name: "src_updt_conn_cnt",
                args: TABLE_ARG,
                out: Type::Int,
                valid: CLIENT,
                doc: "Connections of the source address after counting one more (manual 7.3.3).",
                examples: &[Example::Ok("src_updt_conn_cnt(t)")],
                build: |_, args| update_connections(&args),
            },
        ])
    };
}

const fn indexed(
    name: &'static str,
    args: &'static [ArgSpec],
    doc: &'static str,
    examples: &'static [Example],
    build: Build,
) -> Fetch {
    Fetch {
        name,
        args,
        out: Type::Int,
        valid: RUNTIME,
        doc,
        examples,
        build,
    }
}

const fn source(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    build: Build,
) -> Fetch {
    Fetch {
        valid: CLIENT,
        ..indexed(name, INT_TABLE, doc, examples, build)
    }
}

type Build = fn(&mut crate::registry::BuildCtx<'_>, Vec<Arg>) -> Built;

/// `sc_*`: tracked counters by number.
pub const COUNTER: &[Fetch] = &with_rows!(by_number);
/// `sc0_*`.
pub const COUNTER_0: &[Fetch] = &with_rows!(numbered 0 "sc0_" []);
/// `sc1_*`; of these only one has an argument more, as in the reference.
pub const COUNTER_1: &[Fetch] = &with_rows!(numbered 1 "sc1_" [CLEAR_OF_1]);
/// `sc2_*`.
pub const COUNTER_2: &[Fetch] = &with_rows!(numbered 2 "sc2_" []);
/// `src_*`: the source's entry.
pub const SOURCE: &[Fetch] = &with_rows!(of_source);
/// Tables themselves.
pub const TABLE: &[Fetch] = &[
    Fetch {
        name: "table_avl",
        args: TABLE_ARG,
        out: Type::Int,
        valid: RUNTIME,
        doc: "How many entries a table may still take (manual 7.3.3).",
        examples: &[Example::Ok("table_avl(t)"), Example::Ok("table_avl()")],
        build: |_, args| of_table(&args, |table| table.available()),
    },
    Fetch {
        name: "table_cnt",
        args: TABLE_ARG,
        out: Type::Int,
        valid: RUNTIME,
        doc: "How many entries a table has (manual 7.3.3).",
        examples: &[Example::Ok("table_cnt(t)")],
        build: |_, args| of_table(&args, |table| table.used()),
    },
];

const CLEAR_OF_1: Fetch = indexed(
    "sc1_clr_gpc",
    INT_OPT_TABLE,
    "A general purpose counter of the entry tracked by this counter, which is set to zero (manual 7.3.3).",
    &[
        Example::Ok("sc1_clr_gpc(0)"),
        Example::Ok("sc1_clr_gpc(0,t)"),
    ],
    |_, args| of_counter(Some(1), Some(0), &args, 1, Q::ClearGpc(W::At)),
);

/// Brings descriptors into the order of their names.
const fn sorted<const N: usize>(mut list: [Fetch; N]) -> [Fetch; N] {
    let mut done = 1;
    while done < N {
        let mut at = done;
        while at > 0 && is_before(list[at].name.as_bytes(), list[at - 1].name.as_bytes()) {
            list.swap(at, at - 1);
            at -= 1;
        }
        done += 1;
    }
    list
}

const fn is_before(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}

/// The number of a counter as an argument; one that cannot be is none that tracks.
fn counter_number(args: &[Arg], at: usize) -> u32 {
    let number = number(args, at).unwrap_or(0);
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn table_at(args: &[Arg], at: usize) -> Option<TableId> {
    match args.get(at) {
        Some(Arg::Table(table)) => Some(*table),
        _ => None,
    }
}

/// The index of an array's element; none of a table's is as high as one that cannot be.
fn index_at(args: &[Arg], at: Option<usize>) -> u32 {
    at.map_or(0, |at| counter_number(args, at))
}

/// A quantity of the entry of a tracked counter. `number` is the one in the name, else it is
/// argument `at`; the table comes behind it.
fn of_counter(
    number: Option<u32>,
    index: Option<usize>,
    args: &[Arg],
    at: usize,
    quantity: Q,
) -> Built {
    let index = index_at(args, index);
    let table = table_at(args, at + usize::from(number.is_none()));
    let number = number.unwrap_or_else(|| counter_number(args, at));
    match table {
        None => int(move |view| quantity.of_entry(tracked(view, number)?, index, view.now)),
        Some(table) => {
            int(move |view| in_other(view, tracked(view, number)?, table, quantity, index))
        }
    }
}

/// The same of the tracked key in another table, which must have keys of the same type.
fn in_other(
    view: &View<'_>,
    entry: &Entry,
    table: TableId,
    quantity: Q,
    index: u32,
) -> Option<i64> {
    let table = view.world.table(table)?;
    let kind = table.schema().key;
    if entry.table().schema().key != kind {
        return None;
    }
    let bytes = entry.read(view.now, |entry| view.keep(entry.key()))?;
    let key = Key::bytes_of(bytes, kind);
    quantity.of_key(table, Some(key), index, view.now, false)
}

fn is_tracked(number: Option<u32>, args: &[Arg]) -> Built {
    let table = table_at(args, usize::from(number.is_none()));
    let number = number.unwrap_or_else(|| counter_number(args, 0));
    boolean(move |view| {
        let Some(entry) = tracked(view, number) else {
            return Some(false);
        };
        // As in the reference the key need not be in the other table.
        let other = table.map(|table| view.world.table(table));
        Some(other.is_none_or(|other| {
            other.is_some_and(|other| other.schema().key == entry.table().schema().key)
        }))
    })
}

fn key_of(number: u32) -> Built {
    one(move |view| {
        let entry = tracked(view, number)?;
        let kind = entry.table().schema().key.sample_type();
        let bytes = entry.read(view.now, |entry| view.keep(entry.key()))?;
        Some(match kind {
            Type::Int => Value::Int(i64::from(u32::from_ne_bytes(bytes.try_into().ok()?))),
            Type::Ipv4 => Value::Ipv4(<[u8; 4]>::try_from(bytes).ok()?.into()),
            Type::Ipv6 => Value::Ipv6(<[u8; 16]>::try_from(bytes).ok()?.into()),
            Type::Bin => Value::Bin(bytes),
            _ => Value::Str(bytes),
        })
    })
}

/// A quantity of the source's entry in the table of argument `at`. Without a source there is none.
fn of_src(index: Option<usize>, args: &[Arg], at: usize, quantity: Q) -> Built {
    let index = index_at(args, index);
    let table = table_at(args, at);
    int(move |view| {
        let source = ip(view.src().ip()?);
        let table = view.world.table(table?)?;
        let key = key(view, source, table.schema().key);
        quantity.of_key(table, key, index, view.now, true)
    })
}

fn update_connections(args: &[Arg]) -> Built {
    let table = table_at(args, 0);
    int(move |view| {
        let source = ip(view.src().ip()?);
        let table = view.world.table(table?)?;
        let key = key(view, source, table.schema().key)?;
        let count = |entry: &mut EntryMut<'_>| entry.count_connection();
        table.upsert(&key, view.now, count).ok()?.map(i64::from)
    })
}

fn of_table(args: &[Arg], read: fn(&lbd_table::Table) -> u32) -> Built {
    let table = table_at(args, 0);
    int(move |view| view.world.table(table?).map(|table| i64::from(read(table))))
}
