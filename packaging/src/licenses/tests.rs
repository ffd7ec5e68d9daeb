use serde_json::json;

use super::from_metadata;

#[test]
fn what_only_builds_and_tests_use_is_not_linked() {
    let package = |id: &str, name: &str, source: Option<&str>| {
        json!({"id": id, "name": name, "version": "1.0.0", "license": "MIT", "source": source,
            "manifest_path": format!("/src/{name}/Cargo.toml")})
    };
    let uses = |id: &str, kind: Option<&str>| json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
    let metadata = json!({
        "packages": [package("lbd", "lbd", None), package("a", "a", Some("registry")),
            package("b", "b", Some("registry")), package("c", "c", Some("registry")),
            package("d", "d", Some("registry"))],
        "resolve": {"nodes": [
            {"id": "lbd", "deps": [uses("a", None), uses("b", Some("dev"))]},
            {"id": "a", "deps": [uses("c", Some("build")), uses("d", None)]},
        ]},
    });
    let linked = from_metadata(&metadata).expect("licences are stated");
    let names: Vec<_> = linked.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["a", "d"]);
}

#[test]
fn a_package_without_a_licence_is_told() {
    let metadata = json!({
        "packages": [{"id": "lbd", "name": "lbd", "source": "registry", "version": "1.0.0"}],
        "resolve": {"nodes": []},
    });
    assert!(from_metadata(&metadata).is_err());
}
