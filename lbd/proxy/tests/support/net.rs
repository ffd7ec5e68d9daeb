//! Small blocking clients and servers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A client connection.
pub struct Client {
    pub stream: TcpStream,
    pub pending: Vec<u8>,
}

/// A response as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (have, value) = line.split_once(':')?;
            have.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            pending: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
        self.response()
    }

    pub fn finish(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    fn fill(&mut self) -> usize {
        let mut buf = [0; 65536];
        let read = self.stream.read(&mut buf).unwrap_or(0);
        self.pending.extend_from_slice(&buf[..read]);
        read
    }

    /// Reads one response; one without framing up to the close.
    pub fn response(&mut self) -> Response {
        self.response_to(false)
    }

    /// Reads one response; `is_head` for one to HEAD.
    pub fn response_to(&mut self, is_head: bool) -> Response {
        let end = loop {
            if let Some(at) = self.pending.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if self.fill() == 0 {
                return Response {
                    status: 0,
                    head: String::from_utf8_lossy(&self.pending).into_owned(),
                    body: Vec::new(),
                };
            }
        };
        let head = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end);
        let status = head.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        if is_head || matches!(status, 100..=199 | 204 | 304) {
            return response;
        }
        if let Some(len) = response.header("content-length") {
            let len: usize = len.parse().unwrap();
            while self.pending.len() < len && self.fill() > 0 {}
            let len = len.min(self.pending.len());
            response.body = self.pending.drain(..len).collect();
        } else if response.header("transfer-encoding").is_some() {
            response.body = self.chunks();
        } else {
            while self.fill() > 0 {}
            response.body = std::mem::take(&mut self.pending);
        }
        response
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let at = loop {
                if let Some(at) = self.pending.windows(2).position(|w| w == b"\r\n") {
                    break at;
                }
                if self.fill() == 0 {
                    return body;
                }
            };
            let line: Vec<u8> = self.pending.drain(..at + 2).collect();
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16);
            let size = size.unwrap();
            if size == 0 {
                loop {
                    let end = self.pending.windows(2).position(|w| w == b"\r\n");
                    match end {
                        Some(0) => {
                            self.pending.drain(..2);
                            return body;
                        }
                        Some(at) => {
                            body.extend_from_slice(b"|trailer ");
                            body.extend(self.pending.drain(..at + 2));
                        }
                        None if self.fill() == 0 => return body,
                        None => {}
                    }
                }
            }
            while self.pending.len() < size + 2 && self.fill() > 0 {}
            body.extend(self.pending.drain(..size));
            self.pending.drain(..2);
        }
    }

    /// Whether the peer closes (or resets) now, without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.pending.is_empty() && self.fill() == 0
    }

    /// All bytes up to the close.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.pending)
    }
}

/// Serves connections of a listening socket on threads; gives its address.
pub fn serve(handle: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = handle.clone();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || handle(stream));
        }
    });
    addr
}

/// Reads one request head (and a body by content-length) from a connection; `None` at its end.
pub fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut one = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut one).ok()? == 0 {
            return None;
        }
        bytes.push(one[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |len| len.trim().parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// A server that answers each request with its name, and what it got in the body on `/echo`.
pub fn hello(name: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            let body = if request.contains(" /echo") {
                request
            } else {
                name.to_owned()
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nx-server: {name}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// A server that sends `answer` to every request and keeps the connection.
pub fn canned(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    serve(move |mut stream| {
        while read_request(&mut stream).is_some() {
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    })
}

/// A server that sends `answer` to the first request and closes.
pub fn once(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    serve(move |mut stream| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(&answer);
        }
    })
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
