use super::*;

#[test]
fn names_of_files_hold_nothing_that_leads_elsewhere() {
    assert_eq!(file_name("web"), "web.table");
    assert_eq!(file_name("P/t1"), "P%2Ft1.table");
    assert_eq!(file_name("../x"), "%2E%2E%2Fx.table");
}
