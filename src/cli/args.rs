//! The arguments, as clap has them.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::secret::Secret;

use super::duration::parse_duration;
use super::proxy;

/// Resynchronize Hyper-V Replica from anywhere
#[derive(Debug, Parser)]
#[command(name = "hvreplica", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Which host, as whom, and how to print. Accepted before and after the command's name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Host and output")]
pub(super) struct Connection {
    /// Host name, address, NAME:PORT, or a whole URL
    #[arg(short = 'H', long, global = true, env = "HVREPLICA_HOST", value_name = "NAME")]
    pub(super) host: Option<String>,
    /// Use TLS, port 5986
    #[arg(long, global = true, conflicts_with = "http")]
    pub(super) https: bool,
    /// Use http with message encryption, port 5985 (the default)
    #[arg(long, global = true)]
    pub(super) http: bool,
    /// Port of the WinRM listener
    #[arg(long, global = true, value_name = "N")]
    pub(super) port: Option<u16>,
    /// How to authenticate
    #[arg(long, global = true, env = "HVREPLICA_AUTH", value_name = "METHOD")]
    pub(super) auth: Option<Method>,
    /// DOMAIN\name, name@realm, .\name or name
    #[arg(short, long, global = true, env = "HVREPLICA_USER", value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Read the password from standard input
    #[arg(long, global = true, conflicts_with = "password_file")]
    pub(super) password_stdin: bool,
    /// Read the password from a file (else from HVREPLICA_PASSWORD, the keyring, or asked for)
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// Keys for Kerberos, in place of a password
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) keytab: Option<PathBuf>,
    /// Kerberos realm of the user
    #[arg(long, global = true, value_name = "REALM")]
    pub(super) realm: Option<String>,
    /// Kerberos server, in place of krb5.conf
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    pub(super) kdc: Option<String>,
    /// Kerberos name of the service (default HTTP/HOST, then WSMAN/HOST)
    #[arg(long, global = true, value_name = "SERVICE/HOST", conflicts_with = "kerberos_host")]
    pub(super) spn: Option<String>,
    /// Name of the host for Kerberos, where --host is an address or an alias
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) kerberos_host: Option<String>,
    /// Trust the certificate authorities of this PEM file, too
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) ca_cert: Option<PathBuf>,
    /// Certificate of --auth certificate, in PEM
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "pfx")]
    pub(super) cert: Option<PathBuf>,
    /// Its private key in PEM, if not in the same file; a passphrase comes from HVREPLICA_KEY_PASSPHRASE, or is asked for
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "pfx")]
    pub(super) key: Option<PathBuf>,
    /// Certificate and private key of --auth certificate, as a PFX file
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) pfx: Option<PathBuf>,
    /// Trust exactly the certificate with this SHA-256
    #[arg(long, global = true, value_name = "HEX")]
    pub(super) pin_sha256: Option<String>,
    /// Who does TLS [default: rustls]
    #[arg(long, global = true, value_name = "LIBRARY")]
    pub(super) tls_backend: Option<Library>,
    /// Accept any certificate: whoever is on the way can read and change everything
    #[arg(long, global = true)]
    pub(super) danger_accept_invalid_certs: bool,
    /// Let passwords and messages cross plain http in clear
    #[arg(long, global = true)]
    pub(super) danger_allow_unencrypted: bool,
    /// Go through http://, socks5:// or socks5h://[USER:PASSWORD@]HOST:PORT, or through none (default: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY)
    #[arg(long, global = true, env = "HVREPLICA_PROXY", hide_env_values = true, value_name = "URL", value_parser = proxy::parse)]
    pub(super) proxy: Option<Secret<String>>,
    /// How long to wait for a connection (such as 30s)
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) connect_timeout: Option<Duration>,
    /// How long the host may work on one operation (default 60s)
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) operation_timeout: Option<Duration>,
    /// A named set of these options from the configuration file
    #[arg(long, global = true, env = "HVREPLICA_PROFILE", value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Say more on standard error (up to -vvv)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Say only errors on standard error
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// First pause between polls (default 1s, growing to 15s unless given)
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) poll_interval: Option<Duration>,
    /// Write every exchange of this run into a new folder
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "replay")]
    pub(super) record: Option<PathBuf>,
    /// Replace host and VM names in that recording
    #[arg(long, global = true, requires = "record")]
    pub(super) scrub: bool,
    /// Answer from a recording; no network, no host and no credentials needed
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) replay: Option<PathBuf>,
    /// The password is not to come from the keyring
    #[arg(skip)]
    pub(super) asks_anew: bool,
    /// What to print on standard output
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "human")]
    pub(super) output: Format,
}

/// How to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Method {
    /// Kerberos where it can be had, else NTLM
    Negotiate,
    /// NTLMv2
    Ntlm,
    /// Kerberos by keytab, password or the system's ticket (kinit)
    Kerberos,
    /// The password itself, inside TLS
    Basic,
    /// A client certificate, inside TLS
    Certificate,
    /// NTLM in a tunnel, then the password itself for the host
    Credssp,
}

/// What to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Words
    #[default]
    Human,
    /// One JSON document
    Json,
    /// One JSON document per line, while it happens
    Ndjson,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Resynchronize virtual machines and follow to the truth
    Resync(Resync),
    /// Show the replication of virtual machines
    Status(Status),
    /// Jobs of the host
    Job(Job),
    /// The protocol's own operations, for any class
    Wsman(Wsman),
    /// Try a password and keep it in the system's keyring
    Login,
    /// Remove a password from the system's keyring
    Logout,
    /// Print recorded SOAP envelopes as JSON
    Decode(Decode),
    /// Run a simulated Hyper-V host
    Simulate(Simulate),
    /// Break and resynchronize a virtual machine of a simulated host
    Demo,
    /// Check the way to the host, the way in and the rights there, and say what to do
    Doctor,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the pages of the manual
    Man {
        /// A folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// `resync`
#[derive(Clone, Debug, Args)]
pub(super) struct Resync {
    /// GUIDs or exact names of virtual machines
    #[arg(required_unless_present = "all_required", value_name = "VM", value_parser = NonEmptyStringValueParser::new())]
    pub(super) vms: Vec<String>,
    /// Every virtual machine that waits for a resynchronization (state 9)
    #[arg(long, conflicts_with = "vms")]
    pub(super) all_required: bool,
    /// Start at a time: RFC 3339, or HH:MM in local time
    #[arg(long, value_name = "TIME", conflicts_with = "start_in")]
    pub(super) at: Option<String>,
    /// Start after a while, counted by the host's clock
    #[arg(long = "in", value_name = "DURATION", value_parser = parse_duration)]
    pub(super) start_in: Option<Duration>,
    /// Follow a scheduled resynchronization to its end
    #[arg(long, conflicts_with = "no_follow")]
    pub(super) follow: bool,
    /// Do not follow
    #[arg(long)]
    pub(super) no_follow: bool,
    /// How many at a time; it is heavy
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) parallel: u16,
    /// Skip the local check of the state and let the host decide
    #[arg(long)]
    pub(super) force: bool,
    /// Do not ask whether the loss of the recovery points is meant
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Stop waiting after that time; the job goes on
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,
    /// Pause a virtual machine that replicates first
    #[arg(long)]
    pub(super) suspend_first: bool,
    /// What Ctrl-C does to a resynchronization that runs
    #[arg(long, value_name = "WHAT", default_value = "leave")]
    pub(super) on_interrupt: WhenInterrupted,
    /// Print the envelope that would be sent; send only reads
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Write each call into this file before it leaves; a later run with the file follows it instead of asking again
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    /// Take a resynchronization that began since then (RFC 3339, host's clock) for the one that is asked for
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<jiff::Timestamp>,
}

impl Resync {
    /// What `resync VM` means.
    pub(super) fn of(vm: &str) -> Self {
        Self {
            vms: vec![vm.to_owned()],
            all_required: false,
            at: None,
            start_in: None,
            follow: false,
            no_follow: false,
            parallel: 1,
            force: false,
            yes: true,
            timeout: None,
            suspend_first: false,
            on_interrupt: WhenInterrupted::Leave,
            dry_run: false,
            journal: None,
            since: None,
        }
    }
}

/// What Ctrl-C does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WhenInterrupted {
    /// It goes on
    Leave,
    /// It is cancelled
    Cancel,
}

/// `status`
#[derive(Debug, Args)]
pub(super) struct Status {
    /// GUIDs or exact names; all by default
    #[arg(value_name = "VM")]
    pub(super) vms: Vec<String>,
}

/// `job`
#[derive(Debug, Args)]
pub(super) struct Job {
    #[command(subcommand)]
    pub(super) command: JobCommand,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(super) enum JobCommand {
    /// List the jobs of the host
    List,
    /// Show one job
    Show {
        /// InstanceID of the job
        id: String,
    },
    /// Follow a job to its end
    Follow {
        /// InstanceID of the job
        id: String,
        /// Stop waiting after that time; the job goes on
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        timeout: Option<Duration>,
    },
    /// Cancel a job; a resynchronization is cancelled by the replication state
    Cancel {
        /// InstanceID of the job
        id: String,
    },
}

/// `wsman`
#[derive(Debug, Args)]
pub(super) struct Wsman {
    #[command(subcommand)]
    pub(super) command: WsmanCommand,
}

/// An operation of the protocol.
#[derive(Debug, Subcommand)]
pub(super) enum WsmanCommand {
    /// Ask what answers there
    Identify,
    /// Read one instance
    Get(Target),
    /// Read the instances of a class, or what a query brings
    Enumerate {
        #[command(flatten)]
        resource: Resource,
        /// Equality of a property, as KEY=VALUE; repeats
        #[arg(long, value_name = "KEY=VALUE", conflicts_with = "wql")]
        selector: Vec<String>,
        /// A WQL query; the resource is taken as class *
        #[arg(long, value_name = "QUERY")]
        wql: Option<String>,
        /// What an item holds
        #[arg(long, default_value = "object")]
        mode: Mode,
        /// Items in one reply, at most
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32000))]
        max_elements: Option<u32>,
    },
    /// Call a method, once
    Invoke {
        #[command(flatten)]
        target: Target,
        /// Name of the method
        method: String,
        /// A parameter, as NAME=VALUE; repeats, also for arrays
        #[arg(long, value_name = "NAME=VALUE")]
        param: Vec<String>,
    },
}

/// A resource.
#[derive(Debug, Args)]
pub(super) struct Resource {
    /// Resource URI, or the name of a class
    pub(super) resource: String,
    /// CIM namespace of the class
    #[arg(short, long, default_value = crate::msvm::NAMESPACE)]
    pub(super) namespace: String,
}

/// An instance.
#[derive(Debug, Args)]
pub(super) struct Target {
    #[command(flatten)]
    pub(super) resource: Resource,
    /// A key, as KEY=VALUE; repeats
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) selector: Vec<String>,
}

/// What an item of an enumeration holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Instances
    Object,
    /// References
    Epr,
    /// Both
    ObjectAndEpr,
}

/// Who does TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Library {
    /// TLS 1.2 and 1.3 with forward secrecy alone
    Rustls,
    /// The system's, for old hosts; needs a build with the feature native-tls
    Native,
}

/// How strictly NTLM and Kerberos have to be bound to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Cbt {
    /// Not at all
    None,
    /// No binding, or the right one
    Relaxed,
    /// The right one
    Strict,
}

/// By what the simulated host lets clients in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Offer {
    /// Negotiate: NTLM, and Kerberos with --keytab
    Negotiate,
    /// Kerberos, with --keytab
    Kerberos,
    /// Basic; over http only with --danger-basic
    Basic,
    /// CredSSP with NTLM inside
    #[cfg(feature = "credssp")]
    Credssp,
    /// Client certificates, with --client-ca
    Certificate,
}

/// `decode`
#[derive(Debug, Args)]
pub(super) struct Decode {
    /// Files with one envelope each; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Indent the JSON
    #[arg(long)]
    pub(super) pretty: bool,
}

/// `simulate`
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(super) listen: std::net::SocketAddr,
    /// What happens on the host
    #[arg(long, value_name = "NAME", default_value = "healthy")]
    pub(super) scenario: String,
    /// List the scenarios
    #[arg(long)]
    pub(super) list: bool,
    /// Host seconds per real second
    #[arg(long, value_name = "N")]
    pub(super) speed: Option<u32>,
    /// So many more virtual machines that wait for a resynchronization
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=9999))]
    pub(super) crowd: u16,
    /// Keep having mishaps befall them, and disturb the conversation, as this number draws it
    #[arg(long, value_name = "SEED")]
    pub(super) unrest: Option<u64>,
    /// Of a thousand requests, how many are disturbed
    #[arg(long, value_name = "N", default_value_t = 20, requires = "unrest", value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(super) per_mille: u16,
    /// Listen with TLS: the certificate, with what leads to its root, in PEM
    #[arg(long, value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Its private key in PEM, if not in the same file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// How strictly NTLM and Kerberos have to be bound to the TLS channel (CbtHardeningLevel)
    #[arg(long, value_name = "LEVEL", default_value = "relaxed", requires = "tls_cert")]
    pub(super) cbt: Cbt,
    /// Roots of client certificates in PEM; asks for one, which has to be for --user (principal name)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) client_ca: Option<PathBuf>,
    /// What to offer [default: negotiate; with --keytab (of the services) kerberos; with --client-ca certificate]
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    pub(super) offer: Vec<Offer>,
    /// Offer Basic over plain http, too
    #[arg(long)]
    pub(super) danger_basic: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  everything asked for was reached
    1  a defect of hvreplica itself
    2  wrong usage or configuration; nothing was sent
    3  the host could not be reached, or what answers is not usable as WinRM
    4  authentication or authorization was refused
    5  refused: a SOAP fault, a return value, or the local check of the state
    6  it ran and failed, or was cancelled, superseded, or its replication removed
    7  stopped waiting (--timeout, interrupt), or somebody suspended it
    8  outcome unknown: it may have run, and the host's state cannot tell
    9  the VM, job or other object does not exist, or its name is ambiguous
   10  several targets ended differently
  130  interrupted before anything was asked of the host";
