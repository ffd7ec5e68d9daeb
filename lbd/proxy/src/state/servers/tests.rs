use lbd_config::config::Config;
use lbd_config::host::MemoryHost;
use lbd_config::loader::Sources;
use lbd_core::ProxyId;

use super::*;

fn config() -> Config {
    let text = "backend b\n mode http\n server s0 127.0.0.1:1\n server s1 127.0.0.1:1\n";
    let host = MemoryHost::default();
    let (config, diags) = lbd_config::load(&Sources::from_text("t.cfg", text), &host);
    config.unwrap_or_else(|| panic!("{diags:?}"))
}

#[test]
fn a_list_grows_over_chunks_and_keeps_indices() {
    let config = config();
    let specs = &config.proxies[0].backend.servers;
    let state = |spec| Arc::new(ServerState::new(spec, ProxyId(0), 1));
    let servers = Servers::new(specs.iter().map(state).collect());
    assert_eq!(servers.len(), 2);
    for at in 2..1000u32 {
        let id = servers.push(|id| {
            let mut spec = (*specs[0]).clone();
            spec.id = id;
            spec.roster.name = format!("s{}", id.0);
            ServerState::new(&Arc::new(spec), ProxyId(0), 1)
        });
        assert_eq!(id, Some(ServerId(at)));
    }
    for at in 0..1000 {
        let server = servers.get(at).expect("it is there");
        assert_eq!(*server.name, format!("s{at}"));
    }
    assert!(servers.get(1000).is_none());
    let gone = servers.get(500).expect("it is there");
    servers.remove(gone);
    servers.remove(gone);
    assert_eq!((servers.len(), servers.iter().count()), (999, 999));
    assert!(servers.named(b"s500").is_none() && servers.named(b"s501").is_some());
    assert!(servers.get(500).is_some(), "who holds it can read it");
}
