use lbd_core::{Diags, Level};

use crate::host::{Environment, MemoryHost};
use crate::loader::Sources;

use super::*;

#[test]
fn ids_are_counted_around_those_that_are_given() {
    let host = MemoryHost::new();
    let text = "frontend a\nbackend b\n id 3\n server x 192.0.2.1:1 id 2\n server y 192.0.2.1:1\n \
                server z 192.0.2.1:1\nbackend c\nbackend d\n";
    let sources = Sources::from_text("a.cfg", text);
    let site = crate::section::read(&sources, Environment::new(&host));
    let mut diags = Diags::default();
    let ids = Ids::new(&site.draft, &mut diags);
    assert_eq!(ids.proxies, [2, 3, 4, 5]);
    assert_eq!(ids.servers[1], [2, 3, 4]);
    assert_eq!(diags.count(Level::Alert), 0);
}

#[test]
fn a_name_in_several_places_is_looked_up_once() {
    let host = MemoryHost::new().name("app.example", "192.0.2.7".parse().unwrap());
    let text = "backend b\n server x app.example:1\n server y app.example:2\n server z ipv4@app.example:3\n";
    let sources = Sources::from_text("a.cfg", text);
    let site = crate::section::read(&sources, Environment::new(&host));
    let addresses = Addresses::new(&site.draft, &host);
    assert_eq!(
        addresses.name("app.example", crate::host::Family::Any),
        Some("192.0.2.7".parse().unwrap())
    );
    assert_eq!(
        addresses.name("app.example", crate::host::Family::V4),
        Some("192.0.2.7".parse().unwrap())
    );
    assert_eq!(
        addresses.name("other.example", crate::host::Family::Any),
        None
    );
}
