//! The client's side of what goes on inside the tunnel: NTLM, the proofs about the key, the password.

use zeroize::Zeroizing;

use super::binding::{By, hash};
use super::initiator::Given;
use super::{Failure, NtStatus, OLDEST_VERSION, TsRequest, VERSION, password};
use crate::auth::seal::{SIGNATURE_LENGTH, SealContext};
use crate::auth::{Credential, SealError, ntlm, spnego};

/// The client's login.
#[derive(Debug)]
pub struct Login {
    credential: Credential,
    public_key: Vec<u8>,
    nonce: [u8; 32],
    /// The host's version, once it said it.
    version: Option<u32>,
    state: State,
}

#[derive(Debug)]
enum State {
    Offered(Box<(ntlm::Initiator, Given)>),
    Proven(Box<SealContext>),
    HandedOver,
    Over,
}

/// The client's next message.
#[derive(Debug)]
pub enum Step {
    /// The host has to answer it.
    Next(Vec<u8>),
    /// It hands the password over; the host lets in or refuses.
    Last(Vec<u8>),
}

impl Login {
    /// Begins a login through a tunnel with that key, and gives the first message.
    ///
    /// # Errors
    ///
    /// [`Failure::Ntlm`] if no message can be written.
    pub fn new(
        credential: Credential,
        public_key: Vec<u8>,
        given: Given,
    ) -> Result<(Self, Vec<u8>), Failure> {
        let initiator = ntlm::Initiator::new(ntlm::Protection::Sealed)?;
        let first = TsRequest { token: Some(initiator.token().to_vec()), ..request() };
        let nonce = given.nonce;
        let state = State::Offered(Box::new((initiator, given)));
        Ok((Self { credential, public_key, nonce, version: None, state }, first.encode()))
    }

    /// Answers a message of the host.
    ///
    /// # Errors
    ///
    /// Why the login is over; the password has left only after [`Step::Last`].
    pub fn step(&mut self, message: &[u8]) -> Result<Step, Failure> {
        let state = std::mem::replace(&mut self.state, State::Over);
        let answer = TsRequest::decode(message)?;
        if let Some(code) = answer.error_code.filter(|code| *code != 0) {
            return Err(Failure::Refused(NtStatus(code)));
        }
        self.check_version(answer.version)?;
        match state {
            State::Offered(offered) => self.prove(*offered, &answer),
            State::Proven(context) => self.hand_over(*context, &answer),
            State::HandedOver | State::Over => Err(Failure::Malformed),
        }
    }

    fn check_version(&mut self, version: u32) -> Result<(), Failure> {
        match self.version.replace(version) {
            _ if version < OLDEST_VERSION => Err(Failure::OldVersion(version)),
            Some(from) if from != version => Err(Failure::ChangedVersion { from, to: version }),
            _ => Ok(()),
        }
    }

    /// Answers the challenge, and says sealed which key the tunnel has.
    fn prove(&mut self, offered: (ntlm::Initiator, Given), answer: &TsRequest) -> Result<Step, Failure> {
        let (initiator, given) = offered;
        let token = answer.token.as_deref().ok_or(Failure::Malformed)?;
        let answer = spnego::read(token)?;
        // An answer without a token asks for another mechanism.
        let challenge = answer.token.ok_or(Failure::NotNtlm)?;
        let is_wrapped = challenge.len() < token.len();
        let given = ntlm::Given {
            target: &given.target,
            now: given.now,
            session_key: given.session_key,
            channel_bindings: None,
        };
        let authenticated = initiator.authenticate(challenge, &self.credential, given)?;
        let mut context = Box::new(authenticated.context.ok_or(Failure::NotNtlm)?);
        let proof = wrap(&mut context, &hash(By::Client, &self.nonce, &self.public_key))?;
        self.state = State::Proven(context);
        let token = if is_wrapped {
            spnego::Answer { token: Some(&authenticated.token), ..spnego::Answer::default() }.to_bytes()
        } else {
            authenticated.token
        };
        let next = TsRequest {
            token: Some(token),
            pub_key_auth: Some(proof),
            client_nonce: Some(self.nonce),
            ..request()
        };
        Ok(Step::Next(next.encode()))
    }

    /// Hands the password over, if the host knows the same session and the same key.
    fn hand_over(&mut self, mut context: SealContext, answer: &TsRequest) -> Result<Step, Failure> {
        let proof = answer.pub_key_auth.as_deref().ok_or(Failure::Malformed)?;
        let proven = unwrap(&mut context, proof).map_err(Failure::Unproven)?;
        if *proven != hash(By::Server, &self.nonce, &self.public_key) {
            return Err(Failure::OtherKey);
        }
        let sealed = wrap(&mut context, &password::encode(&self.credential))?;
        self.state = State::HandedOver;
        Ok(Step::Last(TsRequest { auth_info: Some(sealed), ..request() }.encode()))
    }
}

/// Seals as GSS_Wrap does: the signature, then the message.
pub(super) fn wrap(context: &mut SealContext, plain: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut message = Zeroizing::new(plain.to_vec());
    let signature = context.seal(&mut message).map_err(Failure::Unproven)?;
    Ok([&signature[..], &message].concat())
}

/// Opens what [`wrap`] has sealed.
pub(super) fn unwrap(context: &mut SealContext, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (signature, message) =
        sealed.split_at_checked(SIGNATURE_LENGTH).ok_or(SealError::MalformedSignature)?;
    let mut message = Zeroizing::new(message.to_vec());
    context.unseal(signature, &mut message)?;
    Ok(message)
}

pub(super) fn request() -> TsRequest {
    TsRequest { version: VERSION, ..TsRequest::default() }
}
