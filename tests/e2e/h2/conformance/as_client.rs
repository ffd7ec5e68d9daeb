//! The proxy is the client: a row's frames are a server's, whose connection the proxy opens for a
//! request of ours.

use std::net::TcpListener;

use super::*;
use crate::frames::*;

const CONFIG: &str = "
frontend fe
    bind <fe>
    timeout client 20s
    default_backend be
backend be
    timeout server 20s
    retries 0
    server s1 <origin> proto h2
";

/// Runs a row; what was said instead when it is not what the row asks for.
pub(crate) fn run(program: &Program, rule: &Rule) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let log = SyslogSink::udp();
    let address = listener.local_addr().expect("an address");
    let proxy = builder(program, CONFIG, &log)
        .with("origin", address)
        .listener("fe")
        .start();
    let mut client = support::Client::connect(proxy.address("fe"));
    client.send("POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
    let (socket, _) = listener.accept().expect("a connection");
    let mut peer = Peer::accepted(socket);
    if !matches!(rule.sent.first(), Some(say::Say::Bytes(_))) {
        peer.send(SETTINGS, 0, 0, &[]);
    }
    peer.wait_request();
    rule.sent.iter().for_each(|say| say.send(&mut peer));
    match rule.expect {
        Expect::Says(kind, flags, payload) => peer.wait_frame(kind, flags, payload),
        Expect::Goaway(_) | Expect::Closed => as_server::check(rule.expect, &peer.rest()),
        Expect::Answer(_, status) => {
            let got = got_status(&mut client);
            match got == status {
                true => Ok(()),
                false => Err(format!("status {got}")),
            }
        }
        Expect::Reset(..) => {
            let status = got_status(&mut client);
            let said = peer.answers();
            let is_met = as_server::check(rule.expect, &said);
            match status {
                502 => is_met,
                status => Err(format!("status {status}, {said:?}")),
            }
        }
        Expect::Ignored | Expect::FirstSettings => {
            let said = peer.answers();
            as_server::check(rule.expect, &said)
        }
    }
}

/// The status that our client gets; 0 for none.
fn got_status(client: &mut support::Client) -> u16 {
    client
        .try_response("POST")
        .map_or(0, |response| response.status)
}
