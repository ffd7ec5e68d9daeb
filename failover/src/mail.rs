//! `smtp_alert`: a mail for each change of state (RFC 5321, plain, as keepalived sends it).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use vrrp_config::config::{Global, Mail};

use crate::log::Log;

/// Sends a mail in the background; what goes wrong is told.
pub fn send(global: &Global, subject: String, body: String, log: &Arc<Log>) {
    if global.mail.server.is_none() || global.mail.to.is_empty() {
        return;
    }
    let mail = global.mail.clone();
    let log = Arc::clone(log);
    tokio::task::spawn_local(async move {
        let limit = mail.timeout.unwrap_or(TIMEOUT);
        let result = tokio::time::timeout(limit, deliver(&mail, &subject, &body)).await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(why)) => log.error(&format!("mail is not sent: {why}")),
            Err(_) => log.error("mail is not sent: the server takes too long"),
        }
    });
}

async fn deliver(mail: &Mail, subject: &str, body: &str) -> Result<(), String> {
    let Some((host, port)) = &mail.server else {
        return Ok(());
    };
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let from = mail
        .from
        .clone()
        .unwrap_or_else(|| format!("keepalived@{name}"));
    let helo = mail.helo.as_deref().unwrap_or(&name);
    let stream = TcpStream::connect((host.as_str(), *port))
        .await
        .map_err(|error| format!("{host}:{port}: {error}"))?;
    let mut stream = BufReader::new(stream);
    expect(&mut stream, '2').await?;
    say(&mut stream, &format!("HELO {}", clean(helo)), '2').await?;
    say(&mut stream, &format!("MAIL FROM:<{}>", clean(&from)), '2').await?;
    for to in &mail.to {
        say(&mut stream, &format!("RCPT TO:<{}>", clean(to)), '2').await?;
    }
    say(&mut stream, "DATA", '3').await?;
    let to = mail.to.join(", ");
    let text = format!(
        "From: {}\r\nTo: {}\r\nSubject: {}\r\n\r\n{}\r\n.",
        clean(&from),
        clean(&to),
        clean(subject),
        clean(body)
    );
    say(&mut stream, &text, '2').await?;
    say(&mut stream, "QUIT", '2').await
}

/// Nothing from a configuration ends a line of the dialogue.
fn clean(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str, wanted: char) -> Result<(), String> {
    let text = format!("{line}\r\n");
    stream
        .write_all(text.as_bytes())
        .await
        .map_err(|error| error.to_string())?;
    expect(stream, wanted).await
}

async fn expect(stream: &mut BufReader<TcpStream>, wanted: char) -> Result<(), String> {
    for _ in 0..MAX_LINES {
        let mut line = String::new();
        let length = stream
            .read_line(&mut line)
            .await
            .map_err(|error| error.to_string())?;
        if length == 0 {
            return Err("the server closed the connection".to_owned());
        }
        // More lines follow a hyphen.
        if line.as_bytes().get(3) == Some(&b'-') {
            continue;
        }
        if line.starts_with(wanted) {
            return Ok(());
        }
        return Err(format!("the server said: {}", line.trim()));
    }
    Err("the server says too much".to_owned())
}

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_LINES: usize = 100;
