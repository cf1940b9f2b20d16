//! The host's side, for the simulated host: CHALLENGE, then the verdict on AUTHENTICATE.

use hmac::Mac;
use md4::{Digest, Md4};

use super::message::{
    AUTHENTICATE, CHALLENGE, Fields, MAGIC, NEGOTIATE, TargetInformation, capitals, file_time, push_pair,
    wide,
};
use super::{
    MIC_AT, MIC_LENGTH, NtlmError, OFFERED, Protection, av, exchange_key, exchanges_key, flag, integrity,
    keyed_hash,
};
use crate::auth::seal::SealContext;
use crate::secret::Secret;

/// MD4 of the password in UTF-16: what a host stores.
pub type NtHash = Secret<[u8; 16]>;

/// Makes the hash that a host stores for a password.
pub fn nt_hash(password: &Secret<String>) -> NtHash {
    let text = zeroize::Zeroizing::new(wide(password.expose()));
    Secret::new(Md4::digest(text.as_slice()).into())
}

/// What the host calls itself in its challenge.
#[derive(Clone, Debug)]
pub struct HostNames {
    /// NetBIOS name of the computer.
    pub computer: String,
    /// NetBIOS name of the domain; that of the computer outside of one.
    pub domain: String,
    /// DNS name of the computer.
    pub dns_computer: String,
    /// DNS name of the domain.
    pub dns_domain: String,
}

/// What the host insists on.
#[derive(Clone, Copy, Debug)]
pub struct Requirements {
    /// Whether messages have to be sealed.
    pub protection: Protection,
    /// How AUTHENTICATE has to be bound to the TLS channel.
    pub channel_bindings: Bindings,
}

/// What the host does about channel bindings; the hash is that of its own channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bindings {
    /// They are not looked at.
    Ignored,
    /// They may be absent, but not wrong. All zeros are wrong, too.
    RightIfAny([u8; 16]),
    /// They have to be there.
    Required([u8; 16]),
}

impl Bindings {
    /// Whether what a client gave will do.
    pub(in crate::auth) fn fit(self, given: Option<&[u8]>) -> bool {
        match (self, given) {
            (Self::Ignored, _) | (Self::RightIfAny(_), None) => true,
            (Self::RightIfAny(right) | Self::Required(right), Some(given)) => given == right,
            (Self::Required(_), None) => false,
        }
    }
}

/// Why the host does not let the client in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The message cannot be read or lacks flags.
    #[error(transparent)]
    Message(#[from] NtlmError),
    /// NTLMv1, LM or anonymous.
    #[error("the response is not NTLMv2")]
    NotNtlmV2,
    /// No such account, or a wrong password: a host does not say which.
    #[error("the user name or the password is wrong")]
    WrongCredential,
    /// The integrity code is missing.
    #[error("the message integrity code is missing")]
    NoIntegrityCode,
    /// The integrity code does not fit: a message was changed on the way.
    #[error("the message integrity code is wrong")]
    WrongIntegrityCode,
    /// The channel bindings are missing or those of another channel.
    #[error("the channel bindings do not fit")]
    WrongChannelBindings,
}

/// A client that was let in.
#[derive(Debug)]
pub struct Accepted {
    /// Domain as the client gave it.
    pub domain: String,
    /// User as the client gave it.
    pub user: String,
    /// The service that the client wanted to reach.
    pub target: String,
    /// Seals what follows; where the client can.
    pub context: Option<SealContext>,
}

/// The host between CHALLENGE and AUTHENTICATE.
#[derive(Debug)]
pub struct Acceptor {
    negotiate: Vec<u8>,
    challenge: Vec<u8>,
    server_challenge: [u8; 8],
}

impl Acceptor {
    /// Answers NEGOTIATE. `server_challenge` has to be random.
    ///
    /// # Errors
    ///
    /// What is wrong with the token.
    pub fn new(
        negotiate: &[u8],
        host: &HostNames,
        server_challenge: [u8; 8],
        now: jiff::Timestamp,
    ) -> Result<Self, NtlmError> {
        let asked = Fields::open(negotiate, NEGOTIATE)?.long(12)?;
        let missing = flag::ALWAYS & !asked;
        if missing != 0 {
            return Err(NtlmError::MissingFlags(missing));
        }
        let flags = asked & OFFERED | flag::TARGET_INFO | flag::TARGET_TYPE_SERVER | flag::VERSION;
        let challenge = write_challenge(flags, host, server_challenge, now)?;
        Ok(Self { negotiate: negotiate.to_vec(), challenge, server_challenge })
    }

    /// The CHALLENGE message.
    pub fn token(&self) -> &[u8] {
        &self.challenge
    }

    /// Judges AUTHENTICATE. `known` looks up the hash of an account by domain and user.
    ///
    /// # Errors
    ///
    /// Why the client is not let in.
    pub fn accept(
        self,
        authenticate: &[u8],
        requirements: Requirements,
        known: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Accepted, Refusal> {
        let fields = Fields::open(authenticate, AUTHENTICATE)?;
        let flags = fields.long(60)?;
        let missing = requirements.protection.required_flags() & !flags;
        if missing != 0 {
            return Err(NtlmError::MissingFlags(missing).into());
        }
        let response = Response::read(fields.payload(20)?.1)?;
        let (domain, user) = (fields.text(28)?, fields.text(36)?);
        let hash = known(&domain, &user).ok_or(Refusal::WrongCredential)?;
        let base_key = response.verify(&hash, &user, &domain, self.server_challenge)?;
        let exported = exported_key(fields, flags, base_key)?;
        self.check_integrity(fields, authenticate, &response, &exported)?;
        if !requirements.channel_bindings.fit(response.target.get(av::CHANNEL_BINDINGS)) {
            return Err(Refusal::WrongChannelBindings);
        }
        let target = response.target.get(av::TARGET_NAME).unwrap_or_default();
        let target = String::from_utf16_lossy(&units(target));
        let can_seal = flags & flag::SEALING == flag::SEALING;
        let context = can_seal.then(|| SealContext::acceptor(&exported));
        Ok(Accepted { domain, user, target, context })
    }

    fn check_integrity(
        &self,
        fields: Fields<'_>,
        authenticate: &[u8],
        response: &Response<'_>,
        exported: &Secret<[u8; 16]>,
    ) -> Result<(), Refusal> {
        if response.target.flags() & av::HAS_MIC == 0 {
            return Err(Refusal::NoIntegrityCode);
        }
        for field in [12, 20, 28, 36, 44, 52] {
            if fields.payload(field)?.0 < MIC_AT + MIC_LENGTH {
                return Err(NtlmError::Malformed.into());
            }
        }
        let code: [u8; MIC_LENGTH] = fields.array(MIC_AT)?;
        let mut zeroed = authenticate.to_vec();
        zeroed[MIC_AT..MIC_AT + MIC_LENGTH].fill(0);
        integrity(exported, [&self.negotiate, &self.challenge, &zeroed])
            .verify_slice(&code)
            .map_err(|_| Refusal::WrongIntegrityCode)
    }
}

/// An NTLMv2 response (MS-NLMP 2.2.2.8).
struct Response<'a> {
    proof: &'a [u8; 16],
    rest: &'a [u8],
    target: TargetInformation<'a>,
}

impl<'a> Response<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() <= 24 {
            return Err(Refusal::NotNtlmV2);
        }
        let (proof, rest) = bytes.split_first_chunk().ok_or(NtlmError::Malformed)?;
        if !rest.starts_with(&[1, 1]) {
            return Err(Refusal::NotNtlmV2);
        }
        let target = TargetInformation::read(rest.get(28..).ok_or(NtlmError::Malformed)?)?;
        Ok(Self { proof, rest, target })
    }

    /// Checks the proof of the password and gives the session base key.
    fn verify(
        &self,
        hash: &NtHash,
        user: &str,
        domain: &str,
        server_challenge: [u8; 8],
    ) -> Result<Secret<[u8; 16]>, Refusal> {
        let name = [wide(&capitals(user)), wide(domain)].concat();
        let key: [u8; 16] = keyed_hash(hash.expose()).chain_update(name).finalize().into_bytes().into();
        keyed_hash(&key)
            .chain_update(server_challenge)
            .chain_update(self.rest)
            .verify_slice(self.proof)
            .map_err(|_| Refusal::WrongCredential)?;
        Ok(Secret::new(keyed_hash(&key).chain_update(self.proof).finalize().into_bytes().into()))
    }
}

fn exported_key(
    fields: Fields<'_>,
    flags: u32,
    base_key: Secret<[u8; 16]>,
) -> Result<Secret<[u8; 16]>, NtlmError> {
    if !exchanges_key(flags) {
        return Ok(base_key);
    }
    let sent = fields.payload(52)?.1.try_into().map_err(|_| NtlmError::Malformed)?;
    Ok(exchange_key(&base_key, sent))
}

fn write_challenge(
    flags: u32,
    host: &HostNames,
    server_challenge: [u8; 8],
    now: jiff::Timestamp,
) -> Result<Vec<u8>, NtlmError> {
    let name = wide(&host.computer);
    let mut target = Vec::new();
    push_pair(&mut target, av::DOMAIN, &wide(&host.domain))?;
    push_pair(&mut target, av::COMPUTER, &name)?;
    push_pair(&mut target, av::DNS_DOMAIN, &wide(&host.dns_domain))?;
    push_pair(&mut target, av::DNS_COMPUTER, &wide(&host.dns_computer))?;
    push_pair(&mut target, av::TIMESTAMP, &file_time(now).to_le_bytes())?;
    push_pair(&mut target, av::END, &[])?;

    let mut message = MAGIC.to_vec();
    message.extend(CHALLENGE.to_le_bytes());
    message.extend(field(name.len(), CHALLENGE_HEAD)?);
    message.extend(flags.to_le_bytes());
    message.extend(server_challenge);
    message.extend([0; 8]);
    message.extend(field(target.len(), CHALLENGE_HEAD + name.len())?);
    message.extend(VERSION);
    message.extend(name);
    message.extend(target);
    Ok(message)
}

fn field(length: usize, offset: usize) -> Result<[u8; 8], NtlmError> {
    let length = u16::try_from(length).map_err(|_| NtlmError::NameTooLong)?.to_le_bytes();
    let offset = u32::try_from(offset).map_err(|_| NtlmError::NameTooLong)?.to_le_bytes();
    let mut bytes = [0; 8];
    bytes[..2].copy_from_slice(&length);
    bytes[2..4].copy_from_slice(&length);
    bytes[4..].copy_from_slice(&offset);
    Ok(bytes)
}

fn units(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect()
}

const CHALLENGE_HEAD: usize = 56;
/// Windows 10, build 17763 (Server 2019), revision 15: clients only show it.
const VERSION: [u8; 8] = [10, 0, 0x63, 0x45, 0, 0, 0, 15];

#[cfg(test)]
mod tests {
    use super::{Refusal, Response, exchange_key, nt_hash};
    use crate::secret::Secret;

    /// MS-NLMP 4.2.1 and 4.2.4: user, domain and password of the published example.
    #[test]
    fn published_example() {
        let hash = nt_hash(&Secret::new("Password".to_owned()));
        assert_eq!(hex(hash.expose()), "a4f49c406510bdcab6824ee7c30fd852");
        let mut response = bytes("68cd0ab851e51c96aabc927bebef6a1c");
        response.extend(bytes("01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000"));
        response.extend(bytes(
            "02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000",
        ));
        let challenge = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let read = Response::read(&response).unwrap();
        let key = read.verify(&hash, "User", "Domain", challenge).unwrap();
        assert_eq!(hex(key.expose()), "8de40ccadbc14a82f15cb0ad0de95ca3");
        assert_eq!(hex(exchange_key(&key, &[0x55; 16]).expose()), "c5dad2544fc9799094ce1ce90bc9d03e");
        let wrong = read.verify(&hash, "User", "DOMAIN", challenge).unwrap_err();
        assert_eq!(wrong, Refusal::WrongCredential);
    }

    #[test]
    fn older_responses_are_refused() {
        for size in [0, 1, 24] {
            assert_eq!(Response::read(&vec![0; size]).err(), Some(Refusal::NotNtlmV2));
        }
        assert_eq!(Response::read(&[0; 60]).err(), Some(Refusal::NotNtlmV2));
    }

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
