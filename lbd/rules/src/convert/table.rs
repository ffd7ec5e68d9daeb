//! Converters that look a key up in a stick table (manual 7.3.1).
//!
//! A key that is not there gives 0; what the table does not store gives nothing. Only `table_inc_*`
//! and `table_clr_*` change an entry, which they create, and none but these starts its time anew.

use lbd_core::{TableId, Type, Value};
use lbd_table::{DataType as D, KeyType};

use super::{Built, build, number};
use crate::arg::{Arg, ArgKind, ArgSpec};
use crate::registry::{Converter, Example};
use crate::track::key;
use crate::track::quantity::Quantity as Q;
use crate::track::quantity::Which as W;

const TABLE: &[ArgSpec] = &[ArgSpec::required(ArgKind::Table)];
const TABLE_OPT_INT: &[ArgSpec] = &[
    ArgSpec::required(ArgKind::Table),
    ArgSpec::optional(ArgKind::Int),
];
const INT_TABLE: &[ArgSpec] = &[
    ArgSpec::required(ArgKind::Int),
    ArgSpec::required(ArgKind::Table),
];

macro_rules! rows {
    ($($name:literal $kind:ident $quantity:expr, $doc:literal;)*) => {
        &[$(rows!(@$kind $name $quantity, $doc),)*]
    };
    (@plain $name:literal $quantity:expr, $doc:literal) => {
        Converter {
            name: $name,
            args: TABLE,
            from: Type::Any,
            to: Type::Int,
            doc: concat!($doc, " Of the input as key of a table (manual 7.3.1)."),
            examples: &[
                Example::Ok(concat!("src,", $name, "(t)")),
                Example::Fail(concat!("src,", $name, "(nowhere)"), "unable to find table 'nowhere'"),
            ],
            build: |_, args| of_key(&args, 0, $quantity),
        }
    };
    (@indexed $name:literal $quantity:expr, $doc:literal) => {
        Converter {
            name: $name,
            args: INT_TABLE,
            from: Type::Any,
            to: Type::Int,
            doc: concat!($doc, " Of the input as key of a table (manual 7.3.1)."),
            examples: &[Example::Ok(concat!("src,", $name, "(0,t)"))],
            build: |_, args| of_key(&args, 1, $quantity),
        }
    };
    (@time $name:literal $quantity:expr, $doc:literal) => {
        Converter {
            name: $name,
            args: TABLE_OPT_INT,
            from: Type::Any,
            to: Type::Int,
            doc: concat!($doc, " Of the input as key of a table; where it is not, the number given, or nothing (manual 7.3.1)."),
            examples: &[
                Example::Ok(concat!("src,", $name, "(t)")),
                Example::Ok(concat!("src,", $name, "(t,5)")),
            ],
            build: |_, args| time(&args, $quantity),
        }
    };
    (@found $name:literal $quantity:expr, $doc:literal) => {
        Converter {
            name: $name,
            args: TABLE,
            from: Type::Any,
            to: Type::Bool,
            doc: $doc,
            examples: &[Example::Ok(concat!("src,", $name, "(t)"))],
            build: |_, args| found(&args),
        }
    };
}

/// The family.
pub const CONVERTERS: &[Converter] = rows! {
    "in_table" found (), "Whether the input is a key of a table (manual 7.3.1).";
    "table_bytes_in_rate" plain Q::Data(D::BytesInRate), "Bytes from clients in the period.";
    "table_bytes_out_rate" plain Q::Data(D::BytesOutRate), "Bytes to clients in the period.";
    "table_clr_gpc" indexed Q::ClearGpc(W::At), "A general purpose counter, which is set to zero.";
    "table_clr_gpc0" plain Q::ClearGpc(W::First), "The first general purpose counter, which is set to zero.";
    "table_clr_gpc1" plain Q::ClearGpc(W::Second), "The second general purpose counter, which is set to zero.";
    "table_conn_cnt" plain Q::Data(D::ConnCnt), "Connections so far.";
    "table_conn_cur" plain Q::Data(D::ConnCur), "Connections at this moment.";
    "table_conn_rate" plain Q::Data(D::ConnRate), "Connections in the period.";
    "table_expire" time Q::Expire, "Milliseconds until the entry is over.";
    "table_glitch_cnt" plain Q::Data(D::GlitchCnt), "Glitches of client connections so far.";
    "table_glitch_rate" plain Q::Data(D::GlitchRate), "Glitches of client connections in the period.";
    "table_gpc" indexed Q::Gpc(W::At), "A general purpose counter.";
    "table_gpc0" plain Q::Gpc(W::First), "The first general purpose counter.";
    "table_gpc0_rate" plain Q::GpcRate(W::First), "Rate of the first general purpose counter.";
    "table_gpc1" plain Q::Gpc(W::Second), "The second general purpose counter.";
    "table_gpc1_rate" plain Q::GpcRate(W::Second), "Rate of the second general purpose counter.";
    "table_gpc_rate" indexed Q::GpcRate(W::At), "Rate of a general purpose counter.";
    "table_gpt" indexed Q::Gpt(W::At), "A general purpose tag.";
    "table_gpt0" plain Q::Gpt(W::First), "The first general purpose tag.";
    "table_http_err_cnt" plain Q::Data(D::HttpErrCnt), "HTTP errors by clients so far.";
    "table_http_err_rate" plain Q::Data(D::HttpErrRate), "HTTP errors by clients in the period.";
    "table_http_fail_cnt" plain Q::Data(D::HttpFailCnt), "HTTP failures of servers so far.";
    "table_http_fail_rate" plain Q::Data(D::HttpFailRate), "HTTP failures of servers in the period.";
    "table_http_req_cnt" plain Q::Data(D::HttpReqCnt), "HTTP requests so far.";
    "table_http_req_rate" plain Q::Data(D::HttpReqRate), "HTTP requests in the period.";
    "table_idle" time Q::Idle, "Milliseconds since the entry was used.";
    "table_inc_gpc" indexed Q::IncGpc(W::At), "A general purpose counter after counting one more.";
    "table_inc_gpc0" plain Q::IncGpc(W::First), "The first general purpose counter after counting one more.";
    "table_inc_gpc1" plain Q::IncGpc(W::Second), "The second general purpose counter after counting one more.";
    "table_kbytes_in" plain Q::Kbytes(D::BytesInCnt), "Bytes from clients in units of 1024.";
    "table_kbytes_out" plain Q::Kbytes(D::BytesOutCnt), "Bytes to clients in units of 1024.";
    "table_server_id" plain Q::Data(D::ServerId), "Id of the server that the entry sticks to.";
    "table_sess_cnt" plain Q::Data(D::SessCnt), "Sessions so far.";
    "table_sess_rate" plain Q::Data(D::SessRate), "Sessions in the period.";
    "table_trackers" plain Q::Trackers, "How many sessions and streams track the entry.";
};

fn table_at(args: &[Arg], at: usize) -> Option<TableId> {
    match args.get(at) {
        Some(Arg::Table(table)) => Some(*table),
        _ => None,
    }
}

/// A quantity in the table of argument `at`; argument 0 is the index when that is another.
fn of_key(args: &[Arg], at: usize, quantity: Q) -> Built {
    let table = table_at(args, at);
    let index = number(args, 0).and_then(|index| u32::try_from(index).ok());
    let index = index.unwrap_or(if at > 0 { u32::MAX } else { 0 });
    build(move |view, value| {
        let table = view.world.table(table?)?;
        let key = key(view, value, table.schema().key);
        quantity
            .of_key(table, key, index, view.now, true)
            .map(Value::Int)
    })
}

fn time(args: &[Arg], quantity: Q) -> Built {
    let table = table_at(args, 0);
    let otherwise = number(args, 1);
    build(move |view, value| {
        let table = view.world.table(table?)?;
        let kind: KeyType = table.schema().key;
        let found =
            key(view, value, kind).filter(|key| table.read(key, view.now, |_| ()).is_some());
        let time = match found {
            Some(key) => quantity.of_key(table, Some(key), 0, view.now, false),
            None => otherwise,
        };
        time.map(Value::Int)
    })
}

fn found(args: &[Arg]) -> Built {
    let table = table_at(args, 0);
    build(move |view, value| {
        let table = view.world.table(table?)?;
        let key = key(view, value, table.schema().key);
        let is_there = key.is_some_and(|key| table.read(&key, view.now, |_| ()).is_some());
        Some(Value::Bool(is_there))
    })
}
