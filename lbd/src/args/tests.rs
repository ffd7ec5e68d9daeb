use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn vtest_command_line_is_understood() {
    let args = parse(&words("-d -dM -dI -dW -L A -m 50 -f /tmp/cfg")).unwrap();
    assert!(args.debug && args.insecure_fork && args.warnings_fatal);
    assert_eq!(args.localpeer.as_deref(), Some("A"));
    assert_eq!(args.memory_mb, Some(50));
    assert_eq!(args.sources, ["/tmp/cfg"]);
    assert_eq!(args.no_effect, ["-dM"]);
}

#[test]
fn old_processes_are_listed_until_the_next_flag() {
    let args = parse(&words("-sf 12 13 -st 14 -f a -- b c")).unwrap();
    assert_eq!(args.finish, [12, 13]);
    assert_eq!(args.terminate, [14]);
    assert_eq!(args.sources, ["a", "b", "c"]);
}

#[test]
fn unknown_flag_shows_the_usage() {
    assert_eq!(parse(&words("-f a --wrong")), Err(ArgsError::Usage));
    assert_eq!(parse(&words("-f")), Err(ArgsError::Usage));
}

#[test]
fn a_master_has_a_socket_with_options() {
    let args = parse(&words("-Ws -S /run/m,level,user -x /run/old -f a")).unwrap();
    assert!(args.has_master);
    assert_eq!(args.master_socket.as_deref(), Some("/run/m,level,user"));
    assert_eq!(args.handover.as_deref(), Some("/run/old".as_ref()));
    assert!(!parse(&words("-f a")).unwrap().has_master);
}

#[test]
fn each_flag_of_the_pages_is_understood() {
    for flag in flags::program().flags() {
        let value = match flag.short {
            "-n" | "-N" | "-m" | "-sf" | "-st" => "1",
            _ => "word",
        };
        let mut line = vec![flag.short.to_owned()];
        match flag.value {
            Value::Next(_) | Value::Several(_) => line.push(value.to_owned()),
            Value::None | Value::Attached(_) => {}
        }
        assert_ne!(parse(&line), Err(ArgsError::Usage), "{}", flag.short);
    }
}
