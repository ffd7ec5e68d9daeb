//! MQTT packets 3.1, 3.1.1 and 5.0 as the converters `mqtt_*` read them (OASIS MQTT 3.1.1 and 5.0,
//! sections 2 and 3).
//!
//! Only the first packets of a connection are looked into: CONNECT and CONNACK.

use super::{Built, NO_ARGS, bytes, text};
use crate::arg::{ArgError, ArgKind, ArgSpec};
use crate::registry::{Converter, Example};
use lbd_core::{Type, Value};

#[cfg(test)]
mod tests;

/// The family.
pub const CONVERTERS: &[Converter] = &[
    Converter {
        name: "mqtt_field_value",
        args: &[
            ArgSpec::required(ArgKind::Str),
            ArgSpec::required(ArgKind::Str),
        ],
        from: Type::Bin,
        to: Type::Str,
        doc: "A field, or a property by its number, of an MQTT CONNECT or CONNACK packet (manual \
              7.3.1).",
        examples: &[
            Example::Ok("req.payload(0,0),mqtt_field_value(connect,username)"),
            Example::Ok("req.payload(0,0),mqtt_field_value(1,17)"),
            Example::Ok("req.payload(0,0),mqtt_field_value(CONNACK,reason_code)"),
            Example::Fail(
                "req.payload(0,0),mqtt_field_value(publish,1)",
                "Unknown MQTT type 'publish'",
            ),
            Example::Fail(
                "req.payload(0,0),mqtt_field_value(connect,nope)",
                "Unknown MQTT field name 'nope' for packet type 'connect'",
            ),
        ],
        build: |_, args| field_value(&text(&args, 0), &text(&args, 1)),
    },
    Converter {
        name: "mqtt_is_valid",
        args: NO_ARGS,
        from: Type::Bin,
        to: Type::Bool,
        doc: "Whether the bytes begin with a valid MQTT CONNECT or CONNACK packet; nothing while it \
              is not whole (manual 7.3.1).",
        examples: &[Example::Ok("req.payload(0,0),mqtt_is_valid")],
        build: |_, _| bytes(|_, packet| is_valid(packet).map(Value::Bool)),
    },
];

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;

/// What a field is asked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    ClientIdentifier,
    Flags,
    Keepalive,
    Password,
    /// A property by its number (MQTT 5.0 2.2.2.2).
    Property(u8),
    ProtocolName,
    ProtocolVersion,
    ReasonCode,
    Username,
    WillPayload,
    WillTopic,
}

fn field_value(kind: &[u8], name: &[u8]) -> Built {
    let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let said = lossy(kind);
    let kind = match kind.to_ascii_lowercase().as_slice() {
        b"connect" | b"1" => CONNECT,
        b"connack" | b"2" => CONNACK,
        _ => {
            return Err(ArgError::new(format!("Unknown MQTT type '{said}'")));
        }
    };
    let Some(field) = field(kind, name) else {
        let name = lossy(name);
        let message = format!("Unknown MQTT field name '{name}' for packet type '{said}'");
        return Err(ArgError::new(message));
    };
    bytes(move |view, packet| {
        let value = match fixed_header(packet) {
            Header::Whole(CONNECT, body) if kind == CONNECT => connect(body, field),
            Header::Whole(CONNACK, body) if kind == CONNACK => connack(body, field),
            _ => return None,
        };
        Some(Value::Str(match value?? {
            Text::Bytes(bytes) => bytes,
            Text::Number(number) => view.arena.alloc_str(&number.to_string()).as_bytes(),
        }))
    })
}

/// The field of that name, when the packet has one.
fn field(kind: u8, name: &[u8]) -> Option<Field> {
    let lower = name.to_ascii_lowercase();
    let field = match (kind, lower.as_slice()) {
        (_, b"flags") => Field::Flags,
        (_, b"protocol_version") => Field::ProtocolVersion,
        (CONNACK, b"reason_code") => Field::ReasonCode,
        (CONNECT, b"client_identifier") => Field::ClientIdentifier,
        (CONNECT, b"keepalive") => Field::Keepalive,
        (CONNECT, b"password") => Field::Password,
        (CONNECT, b"protocol_name") => Field::ProtocolName,
        (CONNECT, b"username") => Field::Username,
        (CONNECT, b"will_payload") => Field::WillPayload,
        (CONNECT, b"will_topic") => Field::WillTopic,
        (_, digits) => {
            let number: u8 = std::str::from_utf8(digits).ok()?.parse().ok()?;
            let known = match kind {
                CONNECT => {
                    CONNECT_PROPERTIES.contains(&number) || WILL_PROPERTIES.contains(&number)
                }
                _ => CONNACK_PROPERTIES.contains(&number),
            };
            known.then_some(Field::Property(number))?
        }
    };
    Some(field)
}

/// A value as it stands in the packet, or a number to be written in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text<'a> {
    Bytes(&'a [u8]),
    Number(u32),
}

/// Whether a whole packet is well formed; `None` before it has come.
fn is_valid(packet: &[u8]) -> Option<bool> {
    // A property that no packet has: it is read to its end.
    let none = Field::Property(0);
    match fixed_header(packet) {
        Header::Invalid => Some(false),
        Header::Partial => None,
        Header::Whole(CONNECT, body) => Some(connect(body, none).is_some()),
        Header::Whole(CONNACK, body) => Some(connack(body, none).is_some()),
        Header::Whole(..) => Some(false),
    }
}

/// What a packet begins with.
enum Header<'a> {
    Invalid,
    /// More must come.
    Partial,
    /// Type, and what follows the length.
    Whole(u8, &'a [u8]),
}

fn fixed_header(packet: &[u8]) -> Header<'_> {
    let mut rest = Reader(packet);
    let Some(first) = rest.byte() else {
        return Header::Partial;
    };
    let (kind, flags) = (first >> 4, first & 15);
    let fits = match kind {
        0 => false,
        3 => true,
        6 | 8 | 10 => flags == 2,
        _ => flags == 0,
    };
    let is_short = rest.0.len() < 4 && rest.0.iter().all(|byte| *byte >= 128);
    match rest
        .varint()
        .and_then(|length| usize::try_from(length).ok())
    {
        _ if !fits => Header::Invalid,
        None if is_short => Header::Partial,
        None => Header::Invalid,
        Some(length) => match rest.0.get(..length) {
            Some(body) => Header::Whole(kind, body),
            None => Header::Partial,
        },
    }
}

/// The bytes of a packet that have not been read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// A number of one to four bytes, seven bits in each.
    fn varint(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// Bytes with their length before them.
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// Properties with their length before them.
    fn properties(&mut self) -> Option<Self> {
        let len = self.varint()?;
        self.take(usize::try_from(len).ok()?).map(Self)
    }

    /// The next property: its number and its value. User properties are pairs: the name is given.
    fn property(&mut self) -> Option<(u8, Text<'a>)> {
        let number = self.byte()?;
        let value = match number {
            1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => Text::Number(self.byte()?.into()),
            19 | 33 | 34 => Text::Number(self.u16()?.into()),
            2 | 17 | 24 | 39 => Text::Number(self.u32()?),
            3 | 8 | 9 | 18 | 21 | 22 | 26 | 28 | 31 => Text::Bytes(self.string()?),
            USER_PROPERTY => {
                let name = self.string()?;
                self.string()?;
                Text::Bytes(name)
            }
            _ => return None,
        };
        Some((number, value))
    }
}

/// Looks through properties of which only `known` may come, each once but for the user's; the one
/// that is asked for. `None` when they are malformed.
fn find_property<'a>(
    properties: &mut Reader<'a>,
    known: &[u8],
    field: Field,
) -> Option<Option<Text<'a>>> {
    let mut found = None;
    let mut seen = 0_u64;
    while !properties.0.is_empty() {
        let (number, value) = properties.property()?;
        if number == USER_PROPERTY {
            continue;
        }
        let bit = 1_u64 << number;
        if !known.contains(&number) || seen & bit != 0 {
            return None;
        }
        seen |= bit;
        if field == Field::Property(number) {
            found = Some(value);
        }
    }
    // A number that is not said is 0, as in the reference.
    let unsaid = match field {
        Field::Property(number) if known.contains(&number) && NUMBERS.contains(&number) => {
            Some(Text::Number(0))
        }
        _ => None,
    };
    Some(found.or(unsaid))
}

/// Reads a CONNECT packet to its end (MQTT 3.1.1 and 5.0, 3.1): `None` when it is malformed, else
/// the field if there is one.
fn connect(body: &[u8], field: Field) -> Option<Option<Text<'_>>> {
    let mut rest = Reader(body);
    let mut found = None;
    let mut note = |of: Field, value| {
        if of == field {
            found = Some(value);
        }
    };
    let name = rest.string()?;
    let version = rest.byte()?;
    let fits = match version {
        3 => name == b"MQIsdp",
        4 | 5 => name == b"MQTT",
        _ => false,
    };
    let flags = rest.byte()?;
    // The lowest bit is reserved.
    if !fits || flags & 1 != 0 {
        return None;
    }
    note(Field::ProtocolName, Text::Bytes(name));
    note(Field::ProtocolVersion, Text::Number(version.into()));
    note(Field::Flags, Text::Number(flags.into()));
    note(Field::Keepalive, Text::Number(rest.u16()?.into()));
    let mut property = None;
    if version == 5 {
        let mut properties = rest.properties()?;
        property = find_property(&mut properties, CONNECT_PROPERTIES, field)?;
    }
    note(Field::ClientIdentifier, Text::Bytes(rest.string()?));
    let [has_username, has_password, has_will] = [0x80, 0x40, 0x04].map(|bit| flags & bit != 0);
    if has_will {
        if version == 5 {
            let mut properties = rest.properties()?;
            let will = find_property(&mut properties, WILL_PROPERTIES, field)?;
            property = property.or(will);
        }
        note(Field::WillTopic, Text::Bytes(rest.string()?));
        note(Field::WillPayload, Text::Bytes(rest.string()?));
    }
    if has_username {
        note(Field::Username, Text::Bytes(rest.string()?));
    }
    if has_password {
        note(Field::Password, Text::Bytes(rest.string()?));
    }
    rest.0.is_empty().then_some(found.or(property))
}

/// Reads a CONNACK packet to its end (3.2), likewise.
fn connack(body: &[u8], field: Field) -> Option<Option<Text<'_>>> {
    let mut rest = Reader(body);
    let flags = rest.byte()?;
    let reason = rest.byte()?;
    if flags & 0xfe != 0 {
        return None;
    }
    // Older versions end here.
    let (version, property) = if rest.0.is_empty() {
        (3, None)
    } else {
        let mut properties = rest.properties()?;
        (
            5,
            find_property(&mut properties, CONNACK_PROPERTIES, field)?,
        )
    };
    let found = match field {
        Field::Flags => Some(Text::Number(flags.into())),
        Field::ProtocolVersion => Some(Text::Number(version)),
        Field::ReasonCode => Some(Text::Number(reason.into())),
        _ => property,
    };
    rest.0.is_empty().then_some(found)
}

const USER_PROPERTY: u8 = 38;
const CONNECT_PROPERTIES: &[u8] = &[17, 21, 22, 23, 25, 33, 34, 39];
const WILL_PROPERTIES: &[u8] = &[1, 2, 3, 8, 9, 24];
const CONNACK_PROPERTIES: &[u8] = &[
    17, 18, 19, 21, 22, 26, 28, 31, 33, 34, 36, 37, 39, 40, 41, 42,
];
/// Properties that are numbers.
const NUMBERS: &[u8] = &[1, 2, 17, 19, 23, 24, 25, 33, 34, 36, 37, 39, 40, 41, 42];
