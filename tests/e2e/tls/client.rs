//! A client that speaks TLS by rustls, blocking.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, RootCertStore,
    SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use crate::certs::{Authority, Leaf};

/// What a client trusts and offers; sessions are remembered among its connections.
pub(crate) struct Tls(Arc<ClientConfig>);

/// What to offer beyond the usual.
#[derive(Default)]
pub(crate) struct Offer<'a> {
    pub(crate) versions: Option<&'static [&'static SupportedProtocolVersion]>,
    pub(crate) alpn: &'a [&'a str],
    pub(crate) certificate: Option<&'a Leaf>,
    /// Certificates of its authorities.
    pub(crate) chain: &'a [CertificateDer<'static>],
    /// Cipher suites to keep, by a part of their names.
    pub(crate) suites: &'a str,
}

impl Tls {
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::offering(authority, &Offer::default())
    }

    pub(crate) fn offering(authority: &Authority, offer: &Offer<'_>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).expect("an authority");
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider
            .cipher_suites
            .retain(|suite| format!("{:?}", suite.suite()).contains(offer.suites));
        let versions = offer.versions.unwrap_or(rustls::ALL_VERSIONS);
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match offer.certificate {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivatePkcs8KeyDer::from(leaf.key.serialized_der().to_vec());
                builder
                    .with_client_auth_cert(
                        [std::slice::from_ref(&leaf.der), offer.chain].concat(),
                        key.into(),
                    )
                    .expect("a client certificate")
            }
        };
        config.alpn_protocols = offer
            .alpn
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config.resumption = Resumption::in_memory_sessions(16);
        Self(Arc::new(config))
    }

    /// Looks at no certificate: for tests of which one is shown.
    pub(crate) fn trusting_names_or_not(authority: &Authority) -> Self {
        let mut tls = Self::trusting(authority);
        if let Some(config) = Arc::get_mut(&mut tls.0) {
            let anything = Arc::new(Anything::default());
            config.dangerous().set_certificate_verifier(anything);
            config.resumption = Resumption::disabled();
        }
        tls
    }

    /// The OCSP answer that comes with the certificate; empty without.
    pub(crate) fn staple(&self, address: impl ToString, name: &str) -> Vec<u8> {
        let seen = Arc::new(Anything::default());
        let mut config = ClientConfig::clone(&self.0);
        config
            .dangerous()
            .set_certificate_verifier(Arc::clone(&seen) as _);
        config.resumption = Resumption::disabled();
        let client = Self(Arc::new(config)).connect(address, name);
        client.expect("a handshake");
        seen.staple.lock().expect("no panic").clone()
    }

    /// The first bytes of a connection with `early` behind the first message; nothing is sent.
    pub(crate) fn flight(&self, name: &str, early: &[u8]) -> Vec<u8> {
        let mut session = self.early_session(name);
        let mut data = session.early_data().expect("a session that allows it");
        data.write_all(early).expect("early data");
        let mut bytes = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut bytes).expect("a first message");
        }
        bytes
    }

    /// The bytes of a client's first message.
    pub(crate) fn hello(&self, name: &str) -> Vec<u8> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut session = ClientConnection::new(Arc::clone(&self.0), name).expect("a session");
        let mut bytes = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut bytes).expect("a first message");
        }
        bytes
    }

    fn early_session(&self, name: &str) -> ClientConnection {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut config = ClientConfig::clone(&self.0);
        config.enable_early_data = true;
        ClientConnection::new(Arc::new(config), name).expect("a session")
    }

    /// Connects and sends `early` behind the first message, as far as a remembered session
    /// allows that.
    pub(crate) fn begin(&self, address: impl ToString, name: &str, early: &[u8]) -> Begun {
        let socket = TcpStream::connect(address.to_string()).expect("a connection");
        socket.set_nodelay(true).expect("an option");
        let patience = Some(Duration::from_secs(10));
        socket.set_read_timeout(patience).expect("an option");
        let mut stream = StreamOwned::new(self.early_session(name), socket);
        let sent = match stream.conn.early_data() {
            Some(mut data) => data.write(early).expect("early data"),
            None => 0,
        };
        while stream.conn.wants_write() {
            let written = stream.conn.write_tls(&mut stream.sock);
            written.expect("a first message");
        }
        Begun {
            stream,
            early: sent,
        }
    }

    /// Connects and completes the handshake.
    pub(crate) fn connect(&self, address: impl ToString, name: &str) -> Result<TlsClient, String> {
        let socket = TcpStream::connect(address.to_string()).map_err(|error| error.to_string())?;
        socket
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        let patience = Some(Duration::from_secs(10));
        socket
            .set_read_timeout(patience)
            .map_err(|error| error.to_string())?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let session = ClientConnection::new(Arc::clone(&self.0), name).expect("a session");
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .map_err(|error| error.to_string())?;
        }
        Ok(TlsClient { stream })
    }
}

/// A connection whose handshake was only begun, with early data behind the first message.
pub(crate) struct Begun {
    stream: StreamOwned<ClientConnection, TcpStream>,
    /// Bytes that went early; 0 when no session was remembered that allows it.
    pub(crate) early: usize,
}

impl Begun {
    /// Reads an answer's head while our own part of the handshake is held back.
    pub(crate) fn head(&mut self) -> Result<String, String> {
        let fault = |error: std::io::Error| error.to_string();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.stream.conn.reader().read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => return Err("closed".to_owned()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    let stream = &mut self.stream;
                    if stream.conn.read_tls(&mut stream.sock).map_err(fault)? == 0 {
                        return Err("closed".to_owned());
                    }
                    let done = stream.conn.process_new_packets();
                    done.map_err(|error| error.to_string())?;
                }
                Err(error) => return Err(fault(error)),
            }
        }
        Ok(String::from_utf8_lossy(&head).to_ascii_lowercase())
    }

    /// Whether nothing of an answer comes while our part of the handshake is held back.
    pub(crate) fn is_silent_for(&mut self, patience: Duration) -> bool {
        let set = |time| self.stream.sock.set_read_timeout(Some(time));
        set(patience).expect("a timeout");
        let silent = self.head().is_err_and(|error| error != "closed");
        let set = |time| self.stream.sock.set_read_timeout(Some(time));
        set(Duration::from_secs(10)).expect("a timeout");
        silent
    }

    /// Completes the handshake; whether the server took what went early.
    pub(crate) fn finish(mut self) -> Result<(TlsClient, bool), String> {
        let stream = &mut self.stream;
        while stream.conn.is_handshaking() || stream.conn.wants_write() {
            let done = stream.conn.complete_io(&mut stream.sock);
            done.map_err(|error| error.to_string())?;
        }
        let taken = stream.conn.is_early_data_accepted();
        let stream = self.stream;
        Ok((TlsClient { stream }, taken))
    }
}

#[derive(Debug, Default)]
struct Anything {
    staple: Mutex<Vec<u8>>,
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.staple.lock().expect("no panic") = ocsp_response.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A connection.
pub(crate) struct TlsClient {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl TlsClient {
    /// The certificates that were shown, as they came.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = self.stream.conn.peer_certificates().unwrap_or_default();
        chain.iter().map(|der| der.clone().into_owned()).collect()
    }

    /// The certificate that was shown.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        let chain = self.stream.conn.peer_certificates().expect("a certificate");
        chain[0].clone().into_owned()
    }

    /// Certificates that were shown.
    pub(crate) fn chain_length(&self) -> usize {
        self.stream.conn.peer_certificates().map_or(0, <[_]>::len)
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub(crate) fn version(&self) -> String {
        format!(
            "{:?}",
            self.stream.conn.protocol_version().expect("a version")
        )
    }

    pub(crate) fn alpn(&self) -> Option<String> {
        let name = self.stream.conn.alpn_protocol()?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), String> {
        let bytes = bytes.as_ref();
        self.stream
            .write_all(bytes)
            .map_err(|error| error.to_string())?;
        self.stream.flush().map_err(|error| error.to_string())
    }

    /// Reads what comes first.
    pub(crate) fn read_some(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; 4096];
        let read = self.stream.read(&mut bytes);
        bytes.truncate(read.map_err(|error| error.to_string())?);
        Ok(bytes)
    }

    /// Sends a GET and reads the answer: status and body.
    pub(crate) fn get(&mut self, target: &str) -> Result<(u16, Vec<u8>), String> {
        self.write(format!(
            "GET {target} HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
        ))?;
        self.answer()
    }

    /// Reads an answer with a length.
    pub(crate) fn answer(&mut self) -> Result<(u16, Vec<u8>), String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self
                .stream
                .read(&mut byte)
                .map_err(|error| error.to_string())?
            {
                0 => return Err("closed".to_owned()),
                _ => head.push(byte[0]),
            }
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|value| value.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream
            .read_exact(&mut body)
            .map_err(|error| error.to_string())?;
        Ok((status.unwrap_or(0), body))
    }
}
