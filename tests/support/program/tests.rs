use std::path::PathBuf;

use super::executable;

#[test]
fn the_executable_is_taken_from_cargos_messages() {
    let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/t/debug/lbd","fresh":true}
{"reason":"build-finished","success":true}"#;
    assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/lbd")));
    assert_eq!(executable(r#"{"executable":null}"#), None);
}
