//! `show stat json`, `show info json` and their schema: fields, their places, tags and types are the
//! reference's; values are those of other tests' columns.

use std::fmt::Write;

use serde_json::{Value, json};
use support::Proxy;
use support::proxy::Program;

use super::metrics;

fn asked(proxy: &Proxy, command: &str) -> Value {
    let text = proxy.runtime(command);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command}: {error}: {text}"))
}

/// A field without its value.
fn line(field: &Value, shape: &mut String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags = ["origin", "nature", "scope"].map(|tag| text(&field["tags"][tag]));
    let _ = writeln!(
        shape,
        "{} {} {} {} {}",
        field["field"]["pos"],
        text(&field["field"]["name"]),
        tags.join("/"),
        text(&field["value"]["type"]),
        field["processNum"],
    );
}

fn shape(program: Program) -> String {
    let proxy = metrics::started(program);
    let mut shape = String::new();
    for object in asked(&proxy, "show stat json")
        .as_array()
        .into_iter()
        .flatten()
    {
        let first = &object[0];
        let (kind, proxy, id) = (&first["objType"], &first["proxyId"], &first["id"]);
        let _ = writeln!(shape, "{kind} {proxy} {id}");
        for field in object.as_array().into_iter().flatten() {
            assert_eq!(
                (kind, proxy, id),
                (&field["objType"], &field["proxyId"], &field["id"])
            );
            line(field, &mut shape);
        }
    }
    for field in asked(&proxy, "show info json")
        .as_array()
        .into_iter()
        .flatten()
    {
        line(field, &mut shape);
    }
    shape
}

#[test]
fn fields_places_tags_and_types_are_the_reference_s() {
    metrics::compare("json.txt", shape);
}

/// What ours says otherwise, because the reference's data does not keep to its own schema: an
/// object is a list of fields, the parts of `field` and `tags` are properties, and the value is
/// called `value`.
fn corrected(mut schema: Value) -> Value {
    let stat = &mut schema["oneOf"][1]["items"];
    let value = stat["properties"]["typedValue"].take();
    let properties = stat["properties"].as_object_mut().expect("properties");
    properties.remove("typedValue");
    properties.insert("value".to_owned(), value);
    *stat = json!({ "type": "array", "items": stat });
    for (name, parts) in [
        ("field", &["pos", "name"][..]),
        ("tags", &["origin", "nature", "scope"][..]),
    ] {
        let definition = schema["definitions"][name]
            .as_object_mut()
            .expect("a definition");
        let parts = parts
            .iter()
            .filter_map(|part| definition.remove_entry(*part));
        let parts: serde_json::Map<String, Value> = parts.collect();
        definition.insert("properties".to_owned(), Value::Object(parts));
    }
    schema
}

/// Titles name things for people.
fn without_titles(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(without_titles),
        Value::Object(map) => {
            map.remove("title");
            map.values_mut().for_each(without_titles);
        }
        _ => {}
    }
}

#[test]
fn the_schema_describes_the_same() {
    let schema = |program| asked(&metrics::started(program), "show schema json");
    let (mut reference, mut ours) = (corrected(schema(Program::Haproxy)), schema(Program::Lbd));
    without_titles(&mut reference);
    without_titles(&mut ours);
    assert_eq!(ours, reference);
}
