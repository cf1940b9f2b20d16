//! The network transport: one authenticated connection per session, requests one after another.
//!
//! With NTLM the connection *is* the session, and its sealing goes on from message to message; so a connection
//! that has shown any failure is dropped, and the next request makes a new one. Over http a body leaves sealed or
//! not at all, and what comes back in clear is not believed.

#[cfg(feature = "credssp")]
mod credssp;
mod failure;
mod gate;
mod handshake;
mod headers;
mod kerberos;
mod login;
#[cfg(feature = "native-tls")]
mod native;
mod options;
mod proxy;
mod tickets;
mod tls;
mod wire;

use std::sync::Arc;

use tokio::sync::Mutex;

pub use login::{Kerberos, Tickets};
pub use options::{Authentication, Endpoint, HttpOptions, Proxy, ProxyInUse, Scheme, TlsBackend, Trust};
pub use tickets::system_ticket;

use super::{
    Connection, Delivery, Exchange, HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind,
};
use crate::auth::framing::{self, Protocol};
use crate::auth::ntlm::Protection;
use crate::auth::{Credential, basic, certificate};
use crate::secret::Secret;
use kerberos::{Negotiator, Prefers};
use wire::{Post, Reply, Settings, Wire};

/// A session with one host over HTTP.
pub struct Http {
    settings: Arc<Settings>,
    method: Method,
    session: Mutex<Session>,
}

enum Method {
    Basic(Secret<String>),
    Ntlm(Credential, Protection),
    Negotiate(Box<Negotiator>),
    #[cfg(feature = "credssp")]
    Credssp(Credential),
    /// With the value that points the host to the certificate.
    Certificate(Secret<String>),
}

#[derive(Default)]
struct Session {
    wire: Option<Wire>,
    /// The host has accepted the credential before, so that a 401 means a lost session and no wrong password.
    let_in: bool,
}

/// What a listener answers to a request without a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// HTTP status; 401 by custom.
    pub status: u16,
    /// Schemes of `WWW-Authenticate`.
    pub schemes: Vec<String>,
}

enum Answer {
    /// A response, and whether the connection can carry another request.
    Response(HttpResponse, bool),
    /// 401: the host did not look at the request.
    Unauthorized(Vec<String>),
}

impl Http {
    /// Prepares a session; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Policy`] if the options would let a password or a body out in clear, or cannot be
    /// carried out.
    pub fn new(options: HttpOptions) -> Result<Self, TransportError> {
        let endpoint = &options.endpoint;
        let url = url(endpoint)?;
        let client = match &options.authentication {
            Authentication::Certificate(_) if endpoint.scheme == Scheme::Http => {
                return Err(policy("a client certificate can be shown over https only"));
            }
            Authentication::Certificate(certificate) => Some(certificate),
            _ => None,
        };
        let tls = tls::config(endpoint.scheme, &options.trust, client, options.tls_backend)?;
        let settings = Arc::new(Settings {
            route: proxy::route(&options.proxy, &url)?,
            url,
            tls,
            connect_timeout: options.connect_timeout,
            name_servers: options.name_servers,
            response_limit: options.response_limit,
        });
        let protection = match endpoint.scheme {
            Scheme::Http => Protection::Sealed,
            Scheme::Https => Protection::None,
        };
        let method = match options.authentication {
            Authentication::Basic(_)
                if endpoint.scheme == Scheme::Http && !options.danger_allow_unencrypted =>
            {
                return Err(policy(
                    "Basic sends the password, and over http it would cross the network in clear",
                ));
            }
            Authentication::Basic(credential) => {
                let value = basic::authorization(&credential);
                Method::Basic(value.map_err(|_| policy("a user name with a colon cannot be sent by Basic"))?)
            }
            Authentication::Ntlm(credential) => Method::Ntlm(credential, protection),
            #[cfg(feature = "credssp")]
            Authentication::Credssp(credential) => Method::Credssp(credential),
            Authentication::Certificate(_) => {
                Method::Certificate(Secret::new(certificate::AUTHORIZATION.to_owned()))
            }
            Authentication::Kerberos(login) => {
                let prefers = Prefers { scheme: Protocol::Kerberos, fallback: None };
                Method::Negotiate(Box::new(Negotiator::new(login, prefers, protection, &settings)))
            }
            Authentication::Negotiate(login, fallback) => {
                let prefers = Prefers { scheme: Protocol::Spnego, fallback };
                Method::Negotiate(Box::new(Negotiator::new(login, prefers, protection, &settings)))
            }
        };
        Ok(Self { settings, method, session: Mutex::default() })
    }

    /// Asks the listener what it offers, over a connection of its own and without a credential.
    ///
    /// # Errors
    ///
    /// What stands on the way: the name, the connection, TLS, the proxy, or what answers is no HTTP.
    pub async fn offers(&self) -> Result<Offers, TransportError> {
        let wire = Wire::new(&self.settings)?;
        let patience = self.settings.connect_timeout;
        let post = Post { authorization: None, content_type: None, body: Vec::new(), patience };
        let reply = wire.post(post).await.map_err(TransportError::not_sent);
        let reply = reply.map_err(|error| proxy::blame(error, self.settings.route.as_ref()))?;
        Ok(Offers { status: reply.status, schemes: headers::offered(&reply.headers) })
    }

    async fn run(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut session = self.session.lock().await;
        // Taken out, so that a future dropped half-way leaves no half-used connection behind.
        let mut kept = session.wire.take();
        if request.connection == Connection::Fresh {
            kept = None;
        }
        let mut repeated = false;
        loop {
            let idle = kept.is_some();
            let mut wire = match kept.take() {
                Some(wire) => wire,
                None => self.connect(&mut session).await?,
            };
            match self.send(&mut wire, &request).await {
                Ok(Answer::Response(HttpResponse { status: 403, .. }, _))
                    if !session.let_in && matches!(self.method, Method::Certificate(_)) =>
                {
                    return Err(certificate_refused(Vec::new()));
                }
                Ok(Answer::Response(response, reusable)) => {
                    session.let_in = true;
                    session.wire = reusable.then_some(wire);
                    return Ok(response);
                }
                Ok(Answer::Unauthorized(_)) if session.let_in && !repeated => {
                    tracing::debug!("the host forgot the session; authenticating again");
                    repeated = true;
                }
                Ok(Answer::Unauthorized(offered)) => return Err(self.refused(offered)),
                Err(error) if idle && was_gone(&error) => {
                    tracing::debug!("the host closed the idle connection; making a new one");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a connection and authenticates it, where the method does so ahead of requests.
    async fn connect(&self, session: &mut Session) -> Result<Wire, TransportError> {
        let wire = match &self.method {
            Method::Basic(_) if self.settings.url.scheme() == "http" => return self.ask_for_basic().await,
            Method::Basic(_) | Method::Certificate(_) => return Wire::new(&self.settings),
            Method::Ntlm(credential, protection) => {
                let mut wire = Wire::new(&self.settings)?;
                let done = handshake::authenticate(&mut wire, &self.settings, credential, *protection).await;
                done.map_err(|error| proxy::blame(error, self.settings.route.as_ref()))?;
                wire
            }
            Method::Negotiate(negotiator) => {
                let wire = negotiator.connect(&self.settings).await;
                wire.map_err(|error| proxy::blame(error, self.settings.route.as_ref()))?
            }
            #[cfg(feature = "credssp")]
            Method::Credssp(credential) => {
                let wire = credssp::connect(&self.settings, credential).await;
                wire.map_err(|error| proxy::blame(error, self.settings.route.as_ref()))?
            }
        };
        session.let_in = true;
        Ok(wire)
    }

    /// Makes a connection on which the host has said that it takes Basic. Without TLS anybody on the way reads the
    /// password, so it does not leave for a host that has no use for it.
    async fn ask_for_basic(&self) -> Result<Wire, TransportError> {
        let wire = Wire::new(&self.settings)?;
        let patience = self.settings.connect_timeout;
        let question = Post { authorization: None, content_type: None, body: Vec::new(), patience };
        let answer = wire.post(question).await.map_err(TransportError::not_sent);
        let reply = answer.map_err(|error| proxy::blame(error, self.settings.route.as_ref()))?;
        let offered = headers::offered(&reply.headers);
        match reply.status {
            401 if offered.iter().any(|offer| offer.eq_ignore_ascii_case(basic::SCHEME)) => {
                if reply.last {
                    Wire::new(&self.settings)
                } else {
                    Ok(wire)
                }
            }
            _ => Err(handshake::refusal(&reply, "basic", &[])),
        }
    }

    async fn send(&self, wire: &mut Wire, request: &HttpRequest) -> Result<Answer, TransportError> {
        let (body, content_type) = match &mut wire.context {
            None => (request.body.clone(), CONTENT_TYPE),
            Some(context) => {
                let body = framing::seal(context, CONTENT_TYPE, &request.body);
                let body =
                    body.map_err(|error| failed(TransportErrorKind::BrokenSeal).because(error).not_sent())?;
                (body, framing::content_type(context, request.body.len()))
            }
        };
        let authorization = match &self.method {
            Method::Basic(value) | Method::Certificate(value) => Some(value),
            Method::Ntlm(..) | Method::Negotiate(_) => None,
            #[cfg(feature = "credssp")]
            Method::Credssp(_) => None,
        };
        let post = Post { authorization, content_type: Some(content_type), body, patience: request.timeout };
        let reply = wire.post(post).await?;
        read(wire, reply)
    }

    fn refused(&self, offered: Vec<String>) -> TransportError {
        let (wanted, schemes) = match &self.method {
            Method::Basic(_) => ("basic", [basic::SCHEME; 2]),
            Method::Ntlm(..) => ("ntlm", [crate::auth::ntlm::SCHEME; 2]),
            Method::Negotiate(negotiator) => (negotiator.name(), negotiator.schemes()),
            #[cfg(feature = "credssp")]
            Method::Credssp(_) => ("credssp", [crate::auth::credssp::SCHEME; 2]),
            Method::Certificate(_) => return certificate_refused(offered),
        };
        let is_offered = |scheme: &&str| offered.iter().any(|offer| offer.eq_ignore_ascii_case(scheme));
        let kind = if schemes.iter().any(is_offered) {
            TransportErrorKind::Refused { offered }
        } else {
            TransportErrorKind::NotOffered { wanted: wanted.to_owned(), offered }
        };
        TransportError::new(kind, Delivery::NotSent)
    }
}

impl Transport for Http {
    fn exchange(&self, request: HttpRequest) -> Exchange<'_> {
        Box::pin(self.run(request))
    }
}

/// Opens a reply, or says why it cannot be believed.
fn read(wire: &mut Wire, reply: Reply) -> Result<Answer, TransportError> {
    let Reply { status, headers, body, last } = reply;
    let mut response = HttpResponse {
        status,
        content_type: headers::content_type(&headers),
        date: headers::date(&headers),
        server: headers::server(&headers),
        retry_after: headers::retry_after(&headers),
        body: Vec::new(),
    };
    match (&mut wire.context, status) {
        (_, 401) => Ok(Answer::Unauthorized(headers::offered(&headers))),
        (_, 300..=399) => {
            Err(failed(TransportErrorKind::Redirect { status, location: headers::location(&headers) }))
        }
        (None, _) => {
            response.body = body;
            Ok(Answer::Response(response, !last))
        }
        (Some(context), _) if framing::is_sealed(&response.content_type) => {
            (response.content_type, response.body) =
                framing::unseal(context, &response.content_type, body)
                    .map_err(|error| failed(TransportErrorKind::BrokenSeal).because(error))?;
            Ok(Answer::Response(response, !last))
        }
        (Some(_), 200..=299 | 500) if !body.is_empty() => Err(failed(TransportErrorKind::ReplyInClear)),
        // A status alone, from in front of the service: the host's end of the seal may not have moved on.
        (Some(_), _) => Ok(Answer::Response(response, false)),
    }
}

/// The connection was gone before anything of the request was written.
fn was_gone(error: &TransportError) -> bool {
    error.delivery() == Delivery::NotSent && *error.kind() == TransportErrorKind::ConnectionLost
}

fn failed(kind: TransportErrorKind) -> TransportError {
    TransportError::new(kind, Delivery::MayHaveRun)
}

fn certificate_refused(offered: Vec<String>) -> TransportError {
    TransportError::new(TransportErrorKind::CertificateRefused { offered }, Delivery::NotSent)
}

fn url(endpoint: &Endpoint) -> Result<reqwest::Url, TransportError> {
    endpoint.url().parse().map_err(|_| policy("host, port and path do not make a URL"))
}

fn policy(reason: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::Policy(reason), Delivery::NotSent)
}

const CONTENT_TYPE: &str = "application/soap+xml;charset=UTF-8";
