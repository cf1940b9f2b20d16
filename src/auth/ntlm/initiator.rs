//! The client's side: NEGOTIATE, then AUTHENTICATE in answer to the host's CHALLENGE.
//!
//! The `ntlmclient` crate makes the messages and the NTLMv2 response. What it leaves out is done here: the
//! integrity code, key exchange, the host's own timestamp, target name and channel bindings.

use hmac::Mac;
use ntlmclient::{
    ChallengeMessage, Credentials, Flags, Message, NegotiateMessage, OsVersion, TargetInfoEntry,
    TargetInfoType,
};
use zeroize::Zeroize;

use super::message::{CHALLENGE, Fields, capitals, file_time, wide};
use super::{
    MIC_AT, MIC_LENGTH, NtlmError, OFFERED, Protection, av, exchange_key, exchanges_key, flag, integrity,
};
use crate::auth::Credential;
use crate::auth::seal::SealContext;
use crate::secret::Secret;

/// The client between NEGOTIATE and CHALLENGE.
#[derive(Debug)]
pub struct Initiator {
    protection: Protection,
    negotiate: Vec<u8>,
}

/// What AUTHENTICATE takes from outside.
#[derive(Debug)]
pub struct Given<'a> {
    /// The service asked for, as `HTTP/host`.
    pub target: &'a str,
    /// The moment, used where the host's challenge does not give its own.
    pub now: jiff::Timestamp,
    /// Random bytes that become the session key.
    pub session_key: Secret<[u8; 16]>,
    /// Hash of the TLS channel's binding.
    pub channel_bindings: Option<[u8; 16]>,
}

/// The client's last word.
#[derive(Debug)]
pub struct Authenticated {
    /// The AUTHENTICATE message.
    pub token: Vec<u8>,
    /// Seals what follows; only with [`Protection::Sealed`].
    pub context: Option<SealContext>,
}

impl Initiator {
    /// Starts an exchange.
    ///
    /// # Errors
    ///
    /// [`NtlmError::Malformed`] if the message cannot be written.
    pub fn new(protection: Protection) -> Result<Self, NtlmError> {
        let message = NegotiateMessage {
            flags: Flags::from_bits_truncate(OFFERED | flag::VERSION),
            supplied_domain: String::new(),
            supplied_workstation: String::new(),
            os_version: VERSION,
        };
        let negotiate = Message::Negotiate(message).to_bytes().map_err(|_| NtlmError::Malformed)?;
        Ok(Self { protection, negotiate })
    }

    /// The NEGOTIATE message.
    pub fn token(&self) -> &[u8] {
        &self.negotiate
    }

    /// Answers the host's CHALLENGE.
    ///
    /// # Errors
    ///
    /// What is wrong with the challenge; [`NtlmError::MissingFlags`] where the host wants a weaker exchange than
    /// this one.
    pub fn authenticate(
        self,
        challenge: &[u8],
        credential: &Credential,
        given: Given<'_>,
    ) -> Result<Authenticated, NtlmError> {
        let message = self.read(challenge)?;
        if credential.user().len().max(credential.domain().len()) > LONGEST_NAME {
            return Err(NtlmError::NameTooLong);
        }
        let flags = message.flags.bits() & OFFERED | flag::TARGET_INFO | flag::VERSION;
        let (mut parts, session_key) = respond(&message, credential, &given, flags)?;
        let exported = if !exchanges_key(flags) {
            session_key
        } else {
            parts.session_key = exchange_key(&session_key, given.session_key.expose()).expose().to_vec();
            given.session_key
        };
        let bare = Message::Authenticate(parts).to_bytes().map_err(|_| NtlmError::Malformed)?;
        let mut token = make_room(&bare)?;
        let code = integrity(&exported, [&self.negotiate, challenge, &token]).finalize().into_bytes();
        token[MIC_AT..MIC_AT + MIC_LENGTH].copy_from_slice(&code);
        let context = (self.protection == Protection::Sealed).then(|| SealContext::initiator(&exported));
        Ok(Authenticated { token, context })
    }

    fn read(&self, challenge: &[u8]) -> Result<ChallengeMessage, NtlmError> {
        Fields::open(challenge, CHALLENGE)?;
        let Ok(Message::Challenge(message)) = Message::try_from(challenge) else {
            return Err(NtlmError::Malformed);
        };
        let missing = self.protection.required_flags() & !message.flags.bits();
        if missing != 0 {
            return Err(NtlmError::MissingFlags(missing));
        }
        if message.flags.bits() & flag::TARGET_INFO == 0 || message.target_information.is_empty() {
            return Err(NtlmError::NoTargetInformation);
        }
        let size: usize = message.target_information.iter().map(|entry| 4 + entry.data.len()).sum();
        if size > LARGEST_TARGET { Err(NtlmError::Malformed) } else { Ok(message) }
    }
}

/// Makes the NTLMv2 response, and gives the session base key apart: the crate would send it in clear.
fn respond(
    challenge: &ChallengeMessage,
    credential: &Credential,
    given: &Given<'_>,
    flags: u32,
) -> Result<(ntlmclient::AuthenticateMessage, Secret<[u8; 16]>), NtlmError> {
    let (target, time) = target_information(challenge, given)?;
    // The crate would write ß as SS, which no Windows does. It hashes the name in front of the domain, so the two
    // may as well come together, the name as Windows capitalizes it.
    let mut credentials = Credentials {
        username: String::new(),
        password: credential.password().expose().clone(),
        domain: capitals(credential.user()) + credential.domain(),
    };
    let mut response =
        ntlmclient::respond_challenge_ntlm_v2(challenge.challenge, &target, time, &credentials);
    credentials.password.zeroize();
    let key = <[u8; 16]>::try_from(response.session_key.as_slice()).map_err(|_| NtlmError::Malformed)?;
    response.session_key.zeroize();
    let message = ntlmclient::AuthenticateMessage {
        // An LM response would help only a guesser; hosts that give the time expect none.
        lm_response: vec![0; 24],
        ntlm_response: response.ntlm_response,
        domain_name: credential.domain().to_owned(),
        user_name: credential.user().to_owned(),
        workstation_name: String::new(),
        session_key: Vec::new(),
        flags: Flags::from_bits_truncate(flags),
        os_version: VERSION,
    };
    Ok((message, Secret::new(key)))
}

/// The host's target information with our additions, and the time that goes with it.
fn target_information(challenge: &ChallengeMessage, given: &Given<'_>) -> Result<(Vec<u8>, i64), NtlmError> {
    let mut time = file_time(given.now);
    let mut flags = av::HAS_MIC;
    let mut list = Vec::new();
    for entry in &challenge.target_information {
        match entry.entry_type {
            TargetInfoType::Terminator => break,
            TargetInfoType::Flags => flags |= u32::from_le_bytes(exactly(&entry.data)?),
            TargetInfoType::TargetName | TargetInfoType::ChannelBindings => continue,
            TargetInfoType::Timestamp => time = i64::from_le_bytes(exactly(&entry.data)?),
            _ => {}
        }
        if entry.entry_type != TargetInfoType::Flags {
            list.extend(entry.to_bytes());
        }
    }
    let mut add = |entry_type, data: &[u8]| {
        list.extend(TargetInfoEntry { entry_type, data: data.to_vec() }.to_bytes());
    };
    add(TargetInfoType::Flags, &flags.to_le_bytes());
    if let Some(bindings) = given.channel_bindings {
        add(TargetInfoType::ChannelBindings, &bindings);
    }
    if given.target.len() > LONGEST_NAME {
        return Err(NtlmError::NameTooLong);
    }
    add(TargetInfoType::TargetName, &wide(given.target));
    add(TargetInfoType::Terminator, &[]);
    Ok((list, time))
}

fn exactly<const N: usize>(data: &[u8]) -> Result<[u8; N], NtlmError> {
    data.try_into().map_err(|_| NtlmError::Malformed)
}

/// Puts zeros where the integrity code goes and moves what the six fields point to.
fn make_room(bare: &[u8]) -> Result<Vec<u8>, NtlmError> {
    let (head, payload) = bare.split_at_checked(MIC_AT).ok_or(NtlmError::Malformed)?;
    let mut token = [head, &[0; MIC_LENGTH], payload].concat();
    for field in [12, 20, 28, 36, 44, 52] {
        let place = token.get_mut(field + 4..field + 8).ok_or(NtlmError::Malformed)?;
        let offset = u32::from_le_bytes(exactly(place)?);
        place.copy_from_slice(&offset.saturating_add(16).to_le_bytes());
    }
    Ok(token)
}

/// No Windows is claimed; the revision is the one of every NTLMSSP.
const VERSION: OsVersion =
    OsVersion { major_version: 0, minor_version: 1, build_number: 0, reserved: [0; 3], ntlm_revision: 15 };
/// In bytes of UTF-8; names of accounts and hosts are far shorter.
const LONGEST_NAME: usize = 2048;
/// In bytes; leaves room for our additions below the 65,535 that a length field can say.
const LARGEST_TARGET: usize = 32 * 1024;
