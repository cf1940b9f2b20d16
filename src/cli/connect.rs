//! From arguments to a client.

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;

use crate::client::{
    Circuit, Client, ClientOptions, RealClock, RecordedIds, Retry, Surroundings, VirtualClock,
};
use crate::job::FollowOptions;
use crate::msvm::SCHEMA;
use crate::secret::Secret;
use crate::transport::{
    Authentication, Endpoint, Http, HttpOptions, Kerberos, Offers, Recorder, RecorderOptions, Replayer,
    Scheme, Tickets, TlsBackend, Transport, TransportError, Trust,
};

use super::args::{Connection, Library, Method};
use super::{certificate, credential, dumps, endpoint, kerberos, profile, proxy};

/// Why no client could be made.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// Something given is wrong.
    Usage(String),
    /// The transport cannot be made.
    Transport(TransportError),
}

impl From<String> for ConnectError {
    fn from(message: String) -> Self {
        Self::Usage(message)
    }
}

impl From<TransportError> for ConnectError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// Whose password it is.
pub(super) struct Account {
    /// The host's name, without port.
    pub(super) host: String,
    /// The user, as given.
    pub(super) user: String,
}

impl Account {
    /// From `--host` and `--user`.
    pub(super) fn of(connection: &Connection) -> Result<Self, String> {
        let connection = profile::apply(connection.clone())?;
        let host = connection.host.as_deref().ok_or(NO_HOST)?;
        let host = endpoint::parse(host, &connection)?.host;
        let user = connection.user.clone().ok_or(credential::NO_USER)?;
        Ok(Self { host, user })
    }
}

/// Makes clients of one host.
pub(super) struct Host {
    source: Source,
    options: ClientOptions,
    surroundings: Surroundings,
    /// The host, as it is printed.
    pub(super) name: String,
    /// The pace of following.
    pub(super) pace: FollowOptions,
}

enum Source {
    Network { options: Box<HttpOptions>, recorder: Option<Recorder> },
    Recording(Arc<Replayer>),
}

impl Host {
    /// Reads the arguments. Nothing is sent yet.
    pub(super) fn new(connection: &Connection) -> Result<Self, ConnectError> {
        let connection = profile::apply(connection.clone())?;
        let mut host = match &connection.replay {
            Some(folder) => Self::replayed(Replayer::open(folder)?),
            None => Self::network(&connection)?,
        };
        if let Some(timeout) = connection.operation_timeout {
            host.options.operation_timeout = timeout;
        }
        if let Some(pause) = connection.poll_interval {
            host.pace.first_pause = pause;
            host.pace.longest_pause = pause;
        }
        Ok(host)
    }

    /// The password that is used, where the method has one.
    pub(super) fn password(&self) -> Option<Secret<String>> {
        let Source::Network { options, .. } = &self.source else { return None };
        match &options.authentication {
            Authentication::Basic(credential) | Authentication::Ntlm(credential) => {
                Some(credential.password().clone())
            }
            Authentication::Negotiate(_, Some(credential)) => Some(credential.password().clone()),
            #[cfg(feature = "credssp")]
            Authentication::Credssp(credential) => Some(credential.password().clone()),
            Authentication::Kerberos(Kerberos { tickets: Tickets::Password(credential), .. }) => {
                Some(credential.password().clone())
            }
            _ => None,
        }
    }

    /// A host of its own, for the demonstration.
    pub(super) fn at(url: &str, options: HttpOptions) -> Self {
        Self {
            options: ClientOptions::new(url),
            surroundings: Surroundings::default(),
            name: options.endpoint.host.clone(),
            pace: FollowOptions::default(),
            source: Source::Network { options: Box::new(options), recorder: None },
        }
    }

    fn replayed(replayer: Replayer) -> Self {
        let url = replayer.host().to_owned();
        let ids = RecordedIds::new(replayer.message_ids().to_vec());
        Self {
            name: host_of(&url).to_owned(),
            options: ClientOptions { circuit: None, ..ClientOptions::new(url) },
            surroundings: Surroundings { clock: Arc::new(VirtualClock::default()), ids: Arc::new(ids) },
            pace: FollowOptions::default(),
            source: Source::Recording(Arc::new(replayer)),
        }
    }

    fn network(connection: &Connection) -> Result<Self, ConnectError> {
        let host = connection.host.as_deref().ok_or_else(|| NO_HOST.to_owned())?;
        let endpoint = endpoint::parse(host, connection)?;
        dumps::forbid();
        let url = endpoint.url();
        let authentication = authentication(connection, &endpoint)?;
        let mut options = HttpOptions::new(endpoint, authentication);
        options.trust = trust(connection)?;
        if connection.tls_backend == Some(Library::Native) {
            options.tls_backend = TlsBackend::Native;
        }
        options.proxy = proxy::choose(connection);
        proxy::tell(&options)?;
        options.danger_allow_unencrypted = connection.danger_allow_unencrypted;
        if let Some(timeout) = connection.connect_timeout {
            options.connect_timeout = timeout;
        }
        warn_of_danger(connection);
        let recorder = match &connection.record {
            Some(folder) => {
                let options =
                    RecorderOptions { host: url.clone(), made_at: Timestamp::now(), scrub: connection.scrub };
                Some(Recorder::create(folder, options)?)
            }
            None => None,
        };
        // Which lane would ask a host that fails depends on the time, which no recording holds.
        let circuit = if recorder.is_some() { None } else { Some(Circuit::default()) };
        let retry = Retry { seed: std::process::id(), ..Retry::default() };
        Ok(Self {
            name: options.endpoint.host.clone(),
            options: ClientOptions { circuit, retry, ..ClientOptions::new(url) },
            surroundings: Surroundings { clock: Arc::new(RealClock::default()), ..Surroundings::default() },
            pace: FollowOptions::default(),
            source: Source::Network { options: Box::new(options), recorder },
        })
    }

    /// A client with a connection of its own.
    pub(super) fn client(&self) -> Result<Client, TransportError> {
        Ok(Client::new(self.transport()?, self.options.clone(), self.surroundings.clone(), SCHEMA))
    }

    /// A new connection, not made yet.
    pub(super) fn transport(&self) -> Result<Arc<dyn Transport>, TransportError> {
        Ok(match &self.source {
            Source::Recording(replayer) => {
                let replayer: Arc<Replayer> = Arc::clone(replayer);
                replayer
            }
            Source::Network { options, recorder } => {
                let http: Arc<dyn Transport> = Arc::new(Http::new((**options).clone())?);
                match recorder {
                    Some(recorder) => Arc::new(recorder.wrap(http)),
                    None => http,
                }
            }
        })
    }

    /// What the listener offers to nobody; `None` for a recording.
    pub(super) async fn offers(&self) -> Option<Result<Offers, TransportError>> {
        let Source::Network { options, .. } = &self.source else { return None };
        Some(match Http::new((**options).clone()) {
            Ok(http) => http.offers().await,
            Err(error) => Err(error),
        })
    }

    /// Whether it is asked inside TLS.
    pub(super) fn is_https(&self) -> bool {
        matches!(&self.source, Source::Network { options, .. } if options.endpoint.scheme == Scheme::Https)
    }

    /// The proxy on the way, without its credentials.
    pub(super) fn route(&self) -> Result<Option<String>, TransportError> {
        let Source::Network { options, .. } = &self.source else { return Ok(None) };
        Ok(options.proxy_in_use()?.map(|proxy| proxy.url))
    }

    /// Whether the answers come from a recording.
    pub(super) fn is_replayed(&self) -> bool {
        matches!(self.source, Source::Recording(_))
    }

    /// Says what is left to say of a recording.
    pub(super) fn close(&self) {
        match &self.source {
            Source::Recording(replayer) => {
                let unused = replayer.unused();
                if unused > 0 {
                    tracing::warn!("{unused} exchanges of the recording were not asked for");
                }
            }
            Source::Network { recorder: Some(recorder), .. } => {
                if let Some(error) = recorder.failure() {
                    tracing::error!("the recording is not whole: {error}");
                }
            }
            Source::Network { recorder: None, .. } => {}
        }
    }
}

fn authentication(connection: &Connection, endpoint: &Endpoint) -> Result<Authentication, ConnectError> {
    let has_certificate = connection.cert.is_some() || connection.pfx.is_some();
    let method = match connection.auth {
        None if has_certificate => Method::Certificate,
        method => method.unwrap_or(Method::Negotiate),
    };
    if has_certificate && method != Method::Certificate {
        return Err(ConnectError::Usage("--cert and --pfx go with --auth certificate only".to_owned()));
    }
    match method {
        Method::Basic => {
            if endpoint.scheme == Scheme::Http && !connection.danger_allow_unencrypted {
                let message =
                    "--auth basic sends the password itself: use --https, or --danger-allow-unencrypted";
                return Err(ConnectError::Usage(message.to_owned()));
            }
            Ok(Authentication::Basic(credential::read(connection, &endpoint.host)?))
        }
        Method::Ntlm => Ok(Authentication::Ntlm(credential::read(connection, &endpoint.host)?)),
        Method::Negotiate => kerberos::negotiate(connection, &endpoint.host),
        Method::Kerberos => kerberos::kerberos(connection, &endpoint.host),
        Method::Certificate => {
            if endpoint.scheme == Scheme::Http {
                let message = "--auth certificate shows its certificate inside TLS: use --https";
                return Err(ConnectError::Usage(message.to_owned()));
            }
            let certificate = certificate::read(connection)?;
            tracing::info!(
                "certificate: TLS stays at 1.2; in TLS 1.3 hosts ask for a certificate after the handshake, which is not supported"
            );
            Ok(Authentication::Certificate(certificate))
        }
        Method::Credssp => credssp(connection, &endpoint.host),
    }
}

#[cfg(feature = "credssp")]
fn credssp(connection: &Connection, host: &str) -> Result<Authentication, ConnectError> {
    if connection.keytab.is_some() {
        let message = "--auth credssp hands a password over, with NTLM inside: a keytab holds none, and Kerberos inside is not possible";
        return Err(ConnectError::Usage(message.to_owned()));
    }
    let credential = credential::read(connection, host)?;
    tracing::warn!("--auth credssp hands the password over to {host}, which can use it as its own");
    Ok(Authentication::Credssp(credential))
}

#[cfg(not(feature = "credssp"))]
fn credssp(_: &Connection, _: &str) -> Result<Authentication, ConnectError> {
    let message = "this build has no --auth credssp: use negotiate, ntlm, certificate or basic";
    Err(ConnectError::Usage(message.to_owned()))
}

fn trust(connection: &Connection) -> Result<Trust, ConnectError> {
    if let Some(pin) = &connection.pin_sha256 {
        return Ok(Trust::Pin(
            parse_pin(pin).ok_or_else(|| "--pin-sha256 wants 64 hexadecimal digits".to_owned())?,
        ));
    }
    if connection.danger_accept_invalid_certs {
        return Ok(Trust::DangerAny);
    }
    let extra = match &connection.ca_cert {
        Some(file) => std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?,
        None => Vec::new(),
    };
    Ok(Trust::Roots { extra })
}

/// Digits with or without colons between the bytes.
fn parse_pin(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    if rest.is_empty() { bytes.try_into().ok() } else { None }
}

/// Said whatever else is to be silent.
fn warn_of_danger(connection: &Connection) {
    let mut err = std::io::stderr().lock();
    if connection.danger_accept_invalid_certs {
        let _ = writeln!(
            err,
            "hvreplica: warning: --danger-accept-invalid-certs: any certificate is accepted; whoever is on the way can read and change everything"
        );
    }
    if connection.danger_allow_unencrypted {
        let _ = writeln!(
            err,
            "hvreplica: warning: --danger-allow-unencrypted: passwords and messages may cross the network in clear"
        );
    }
}

const NO_HOST: &str = "no host given: use --host NAME or HVREPLICA_HOST";

fn host_of(url: &str) -> &str {
    let authority = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}
