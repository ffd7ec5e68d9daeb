use lbd_backend::State;
use lbd_backend::health::CheckStatus;
use lbd_core::Level;

use crate::config::{Config, ServerAddress, ServerSpec};
use crate::host::MemoryHost;

const HEAD: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state\n";

/// What the reference printed, its forced ids, name and check columns changed in turn.
fn line(rest: &str) -> String {
    format!("{HEAD}3 be 1 s1 {rest}\n")
}

fn load(source: &str, server: &str, host: MemoryHost) -> (Option<Config>, Vec<(Level, String)>) {
    let text = format!(
        "global\n    server-state-base /states\n    server-state-file all\ndefaults\n    \
         timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n\
         frontend fe\n    bind 127.0.0.1:1\n    default_backend be\n\
         backend be\n    id 3\n    {source}\n    server s1 {server}\n"
    );
    let host = host.file("c.cfg", text);
    let (sources, _) = crate::loader::load(&["c.cfg"], &host);
    let (config, diags) = crate::load(&sources, &host);
    let told = diags.0.into_iter().map(|diag| (diag.level, diag.message));
    (config, told.collect())
}

fn server(file: &str, server: &str) -> (ServerSpec, Vec<(Level, String)>) {
    let host = MemoryHost::new()
        .file("/states/all", file)
        .name("app.example", "192.0.2.1".parse().unwrap());
    let (config, told) = load("load-server-state-from-file global", server, host);
    (
        (*config.unwrap().proxies[1].backend.servers[0]).clone(),
        told,
    )
}

#[test]
fn a_line_of_the_reference_is_taken_over() {
    let text = line("127.0.0.9 0 9 5 10 100 6 3 4 6 0 0 0 - 77 - 0 55 127.0.0.7 - 0");
    let (server, told) = server(&text, "127.0.0.1:80 check weight 10");
    assert_eq!(told, []);
    let saved = server.saved.unwrap();
    assert_eq!(
        (saved.health.weight, saved.health.configured_weight),
        (5, 10)
    );
    assert_eq!(saved.health.state, State::Stopped);
    assert_eq!(saved.health.status, CheckStatus::L4Ok);
    assert_eq!(saved.health.age.as_secs(), 100);
    assert!(saved.health.forced_maint && saved.health.forced_drain);
    assert!(!saved.health.was_disabled && !saved.health.check_off);
    assert_eq!(saved.check_port, Some(55));
    assert_eq!(saved.check_address, Some("127.0.0.7".parse().unwrap()));
    // The address is the line's, the port the one that may have been set at run time.
    let address = ServerAddress::Inet("127.0.0.1:77".parse().unwrap());
    assert_eq!(server.address, address);
}

#[test]
fn a_name_begins_with_its_last_address_unless_it_is_another_name() {
    let address = |text: &str, options: &str| {
        let (server, _) = server(text, &format!("app.example:80 {options}"));
        match server.address {
            ServerAddress::Inet(address) => address.to_string(),
            other => format!("{other:?}"),
        }
    };
    let saved = line("192.0.2.9 2 0 1 1 5 1 0 3 0 0 0 0 app.example 80 - 0 0 - - 0");
    assert_eq!(address(&saved, ""), "192.0.2.9:80");
    assert_eq!(address(&saved, "init-addr libc"), "192.0.2.1:80");
    let renamed = line("192.0.2.9 2 0 1 1 5 1 0 3 0 0 0 0 old.example 80 - 0 0 - - 0");
    assert_eq!(address(&renamed, ""), "192.0.2.1:80");
}

#[test]
fn impossible_values_are_told_and_nothing_is_applied() {
    let text = line("127.0.0.9 7 3 999 10 x 6 3 4 6 0 0 0 - 70000 - 0 0 - - 0");
    let (server, told) = server(&text, "127.0.0.1:80");
    assert!(server.saved.is_none());
    let wanted = "server-state application failed for server 'be/s1', invalid srv_op_state value \
                  '7', invalid srv_uweight value '999', invalid srv_last_time_change value 'x', \
                  invalid srv_port value '70000'";
    assert_eq!(told, [(Level::Warning, wanted.to_owned())]);
}

#[test]
fn unfit_files_are_told_in_the_words_of_the_reference() {
    let cases = [
        (
            "",
            Level::Notice,
            "Empty global server state file '/states/all'.",
        ),
        (
            "2\n",
            Level::Warning,
            "Can't get version of the global server state file '/states/all'.",
        ),
        (
            "1\n#\n3 be 1 s1 x\n",
            Level::Warning,
            "corrupted global server state file '/states/all' at line 2.",
        ),
        (
            "1\n3 be 1",
            Level::Warning,
            "corrupted global server state file '/states/all' at line 1.",
        ),
    ];
    for (file, level, text) in cases {
        let (server, told) = server(file, "127.0.0.1:80");
        assert!(server.saved.is_none(), "{file:?}");
        assert_eq!(told, [(level, text.to_owned())], "{file:?}");
    }
    let missing = load(
        "load-server-state-from-file global",
        "127.0.0.1:80",
        MemoryHost::new(),
    );
    assert!(missing.0.is_some());
    assert_eq!(missing.1[0].0, Level::Notice);
}

#[test]
fn a_backend_reads_its_own_file_when_told_to() {
    let columns = "127.0.0.9 2 0 1 1 5 1 0 3 0 0 0 0 - 80 - 0 0 - - 0";
    let own = |file: String, lines: &str, name: &str| {
        let host = MemoryHost::new().file("/states/all", HEAD).file(name, file);
        let (config, told) = load(lines, "127.0.0.1:80", host);
        let is_saved = config.unwrap().proxies[1].backend.servers[0]
            .saved
            .is_some();
        (
            is_saved,
            told.into_iter().map(|(_, text)| text).collect::<Vec<_>>(),
        )
    };
    let local = "load-server-state-from-file local";
    assert_eq!(own(line(columns), local, "/states/be"), (true, vec![]));
    let named = format!("{local}\n    server-state-file-name /elsewhere");
    assert_eq!(own(line(columns), &named, "/elsewhere"), (true, vec![]));
    let (is_saved, told) = own(format!("1\n9 be 1 s1 {columns}\n"), local, "/states/be");
    assert!(
        is_saved && told[0].contains("backend ID mismatch"),
        "{told:?}"
    );
    let (is_saved, told) = own(format!("1\n3 old 1 s1 {columns}\n"), local, "/states/be");
    assert!(
        !is_saved && told[0].contains("backend name mismatch"),
        "{told:?}"
    );
    let (is_saved, told) = own(format!("1\n3 be 1 s2 {columns}\n"), local, "/states/be");
    assert!(
        !is_saved && told[0].contains("can't find server 's2'"),
        "{told:?}"
    );
}
