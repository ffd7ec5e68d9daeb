//! The reference's words for what rustls says, so that logs can be searched as before.
//!
//! Numbers and texts are those of OpenSSL 3's `SSL routines`.

use lbd_tls::rustls::{AlertDescription as Alert, Error, InvalidMessage, PeerIncompatible};
use lbd_tls::verify::WRONG_CURVE;

/// A client that speaks HTTP in clear.
pub(super) const HTTP: &str = "error:0A00009C:SSL routines::http request";
/// The same to a proxy.
pub(super) const HTTP_PROXY: &str = "error:0A00009B:SSL routines::https proxy request";
/// No certificate is for the name.
pub(super) const NO_NAME: &str = "error:0A0000EA:SSL routines::callback failed";
/// A client that offers less than it can.
pub(super) const FALLBACK: &str = "error:0A000175:SSL routines::inappropriate fallback";
/// A certificate that is not believed.
pub(super) const UNVERIFIED: &str = "error:0A000086:SSL routines::certificate verify failed";

/// The detail that stands in brackets behind `SSL handshake failure`.
pub(crate) fn of(error: &Error) -> &'static str {
    match error {
        Error::AlertReceived(alert) => alert_text(*alert),
        Error::NoCertificatesPresented => {
            "error:0A0000C7:SSL routines::peer did not return a certificate"
        }
        Error::InvalidMessage(what) => match what {
            InvalidMessage::UnknownProtocolVersion | InvalidMessage::InvalidContentType => {
                "error:0A00010B:SSL routines::wrong version number"
            }
            InvalidMessage::MessageTooLarge => {
                "error:0A0000C6:SSL routines::packet length too long"
            }
            _ => "error:0A00009F:SSL routines::length mismatch",
        },
        Error::PeerIncompatible(what) => match what {
            PeerIncompatible::NoCipherSuitesInCommon => {
                "error:0A0000C1:SSL routines::no shared cipher"
            }
            PeerIncompatible::NoKxGroupsInCommon => {
                "error:0A000065:SSL routines::no suitable key share"
            }
            PeerIncompatible::NoSignatureSchemesInCommon => {
                "error:0A000076:SSL routines::no suitable signature algorithm"
            }
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
                "error:0A000102:SSL routines::unsupported protocol"
            }
            _ => "error:0A000410:SSL routines::sslv3 alert handshake failure",
        },
        Error::NoApplicationProtocol => "error:0A0000EB:SSL routines::no application protocol",
        Error::DecryptError => "error:0A000119:SSL routines::decryption failed or bad record mac",
        Error::PeerSentOversizedRecord => "error:0A0000C6:SSL routines::packet length too long",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "error:0A0000F4:SSL routines::unexpected message"
        }
        Error::General(what) if what == WRONG_CURVE => "error:0A00017A:SSL routines::wrong curve",
        Error::PeerMisbehaved(_) => "error:0A0000B4:SSL routines::protocol error",
        _ => "",
    }
}

fn alert_text(alert: Alert) -> &'static str {
    match alert {
        Alert::UnexpectedMessage => "error:0A0003F2:SSL routines::sslv3 alert unexpected message",
        Alert::BadRecordMac => "error:0A0003FC:SSL routines::sslv3 alert bad record mac",
        Alert::HandshakeFailure => "error:0A000410:SSL routines::sslv3 alert handshake failure",
        Alert::BadCertificate => "error:0A000412:SSL routines::sslv3 alert bad certificate",
        Alert::UnsupportedCertificate => {
            "error:0A000413:SSL routines::sslv3 alert unsupported certificate"
        }
        Alert::CertificateRevoked => "error:0A000414:SSL routines::sslv3 alert certificate revoked",
        Alert::CertificateExpired => "error:0A000415:SSL routines::sslv3 alert certificate expired",
        Alert::CertificateUnknown => "error:0A000416:SSL routines::sslv3 alert certificate unknown",
        Alert::IllegalParameter => "error:0A000417:SSL routines::sslv3 alert illegal parameter",
        Alert::UnknownCA => "error:0A000418:SSL routines::tlsv1 alert unknown ca",
        Alert::AccessDenied => "error:0A000419:SSL routines::tlsv1 alert access denied",
        Alert::DecodeError => "error:0A00041A:SSL routines::tlsv1 alert decode error",
        Alert::DecryptError => "error:0A00041B:SSL routines::tlsv1 alert decrypt error",
        Alert::ProtocolVersion => "error:0A00042E:SSL routines::tlsv1 alert protocol version",
        Alert::InsufficientSecurity => {
            "error:0A00042F:SSL routines::tlsv1 alert insufficient security"
        }
        Alert::InternalError => "error:0A000438:SSL routines::tlsv1 alert internal error",
        Alert::UserCanceled => "error:0A000442:SSL routines::tlsv1 alert user cancelled",
        Alert::UnrecognisedName => "error:0A000458:SSL routines::tlsv1 unrecognized name",
        Alert::CertificateRequired => {
            "error:0A00045C:SSL routines::tlsv13 alert certificate required"
        }
        Alert::NoApplicationProtocol => {
            "error:0A000460:SSL routines::tlsv1 alert no application protocol"
        }
        _ => "error:0A000438:SSL routines::tlsv1 alert",
    }
}
