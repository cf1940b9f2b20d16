//! TLS configurations: none for http, and one for each kind of trust.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedCipherSuite,
};
use rustls_platform_verifier::Verifier;

use super::options::{Scheme, Trust};
use crate::transport::{Delivery, TransportError, TransportErrorKind};

/// Makes the configuration. For http it trusts nobody and reads no roots, which takes time and memory.
pub(super) fn config(scheme: Scheme, trust: &Trust) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| no_tls("TLS cannot be set up").because(error))?;
    if scheme == Scheme::Http {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Roots { extra } => Arc::new(platform(extra, provider)?),
        Trust::Pin(pin) => Arc::new(LeafVerifier { pin: Some(*pin), provider }),
        Trust::DangerAny => Arc::new(LeafVerifier { pin: None, provider }),
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn platform(pem: &[u8], provider: Arc<CryptoProvider>) -> Result<Verifier, TransportError> {
    let extra: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| no_tls("the trusted roots are not PEM").because(error))?;
    if extra.is_empty() && !pem.is_empty() {
        return Err(no_tls("the trusted roots hold no certificate in PEM"));
    }
    Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| no_tls("the trusted roots cannot be loaded").because(error))
}

fn no_tls(reason: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::Policy(reason), Delivery::NotSent)
}

/// Looks at the host's own certificate only. The signature of the handshake is still checked, so that the peer
/// has to own the certificate that it shows.
#[derive(Debug)]
struct LeafVerifier {
    pin: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LeafVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.pin {
            Some(pin) if sha256(end_entity).as_deref() != Some(pin.as_slice()) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The hash of a cipher suite that is named after it.
fn sha256(bytes: &[u8]) -> Option<Vec<u8>> {
    match ring::cipher_suite::TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => Some(suite.common.hash_provider.hash(bytes).as_ref().to_vec()),
        SupportedCipherSuite::Tls12(_) => None,
    }
}
