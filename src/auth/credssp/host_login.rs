//! The host's side of what goes on inside the tunnel.

use super::binding::{By, hash};
use super::login::{request, unwrap, wrap};
use super::{OLDEST_VERSION, Refusal, TsRequest, password};
use crate::auth::ntlm::{self, Bindings, HostNames, NtHash, Protection, Requirements};
use crate::auth::seal::SealContext;
use crate::auth::{Credential, spnego};

/// What the host answers with.
#[derive(Debug)]
pub struct Host<'a> {
    /// What it calls itself.
    pub names: &'a HostNames,
    /// Random bytes.
    pub server_challenge: [u8; 8],
    /// The moment.
    pub now: jiff::Timestamp,
}

/// The host's login.
#[derive(Debug)]
pub struct HostLogin {
    public_key: Vec<u8>,
    /// Whether the client can be told why it is refused.
    tells: bool,
    state: State,
}

/// What a message of the client comes to.
#[derive(Debug)]
pub enum Judged {
    /// This is answered.
    Next(Vec<u8>),
    /// The client is in; it has handed this over.
    In(Credential),
}

/// With SPNEGO around NTLM, the client's list of mechanisms is kept.
#[derive(Debug)]
enum State {
    New,
    Chosen(Vec<u8>),
    Challenged(Box<ntlm::Acceptor>, Option<Vec<u8>>),
    Proven(Box<SealContext>),
    Over,
}

impl HostLogin {
    /// Waits for the login of a client through a tunnel with that key.
    pub fn new(public_key: Vec<u8>) -> Self {
        Self { public_key, tells: false, state: State::New }
    }

    /// Judges a message of the client. `known` looks up the hash of an account by domain and user.
    ///
    /// # Errors
    ///
    /// Why the client is not let in; the login is over then.
    pub fn step(
        &mut self,
        message: &[u8],
        host: &Host<'_>,
        known: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Judged, Refusal> {
        let state = std::mem::replace(&mut self.state, State::Over);
        let asked = TsRequest::decode(message)?;
        self.tells = asked.version > OLDEST_VERSION;
        if asked.version < OLDEST_VERSION {
            return Err(Refusal::OldVersion(asked.version));
        }
        let token = asked.token.as_deref().unwrap_or_default();
        match state {
            State::New => self.choose(token, host),
            State::Chosen(list) => {
                self.challenge(Some(list), spnego::read(token)?.token.unwrap_or_default(), host)
            }
            State::Challenged(acceptor, list) => self.prove(*acceptor, list, &asked, known),
            State::Proven(context) => take_over(*context, &asked),
            State::Over => Err(Refusal::Malformed),
        }
    }

    /// The message that tells the client why it is refused; versions up to 5 have none.
    pub fn refuse(&mut self, refusal: &Refusal) -> Option<Vec<u8>> {
        self.state = State::Over;
        let told = TsRequest { error_code: Some(refusal.status().0), ..request() };
        self.tells.then(|| told.encode())
    }

    fn choose(&mut self, token: &[u8], host: &Host<'_>) -> Result<Judged, Refusal> {
        let Some(offer) = spnego::read_offer(token)? else { return self.challenge(None, token, host) };
        match (offer.mechanisms.first(), offer.token) {
            (Some(&spnego::NTLM), Some(token)) => self.challenge(Some(offer.list), token, host),
            _ if offer.mechanisms.contains(&spnego::NTLM) => {
                self.state = State::Chosen(offer.list);
                Ok(next(&spnego::Answer {
                    state: Some(spnego::State::WantsMic),
                    mechanism: Some(spnego::NTLM),
                    ..spnego::Answer::default()
                }))
            }
            _ => Err(Refusal::NotNtlm),
        }
    }

    fn challenge(&mut self, list: Option<Vec<u8>>, token: &[u8], host: &Host<'_>) -> Result<Judged, Refusal> {
        let acceptor = ntlm::Acceptor::new(token, host.names, host.server_challenge, host.now);
        let acceptor = acceptor.map_err(ntlm::Refusal::from)?;
        let challenge = acceptor.token().to_vec();
        let is_wrapped = list.is_some();
        self.state = State::Challenged(Box::new(acceptor), list);
        if !is_wrapped {
            return Ok(Judged::Next(TsRequest { token: Some(challenge), ..request() }.encode()));
        }
        Ok(next(&spnego::Answer {
            state: Some(spnego::State::Incomplete),
            mechanism: Some(spnego::NTLM),
            token: Some(&challenge),
            mic: None,
        }))
    }

    /// Judges AUTHENTICATE and what the client proves, and proves the same.
    fn prove(
        &mut self,
        acceptor: ntlm::Acceptor,
        list: Option<Vec<u8>>,
        asked: &TsRequest,
        known: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Judged, Refusal> {
        let token = asked.token.as_deref().unwrap_or_default();
        let answer = match list {
            Some(_) => spnego::read(token)?,
            None => spnego::Answer { token: Some(token), ..spnego::Answer::default() },
        };
        let accepted = acceptor.accept(answer.token.unwrap_or_default(), SEALED, known)?;
        let mut context = Box::new(accepted.context.ok_or(Refusal::Malformed)?);
        let last = list.map(|list| agree(&mut context, &list, answer.mic)).transpose()?;
        let proof = asked.pub_key_auth.as_deref().ok_or(Refusal::Malformed)?;
        let nonce = asked.client_nonce.as_ref().ok_or(Refusal::Malformed)?;
        let proven = unwrap(&mut context, proof).map_err(|_| Refusal::OtherKey)?;
        if *proven != hash(By::Client, nonce, &self.public_key) {
            return Err(Refusal::OtherKey);
        }
        let own = wrap(&mut context, &hash(By::Server, nonce, &self.public_key));
        let own = own.map_err(|_| Refusal::Malformed)?;
        self.state = State::Proven(context);
        Ok(Judged::Next(TsRequest { token: last, pub_key_auth: Some(own), ..request() }.encode()))
    }
}

/// Checks the integrity code of SPNEGO's list of mechanisms and gives SPNEGO's last word.
fn agree(context: &mut SealContext, list: &[u8], mic: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
    context.check_list(mic.ok_or(Refusal::List)?, list).map_err(|_| Refusal::List)?;
    let own = context.sign_list(list).map_err(|_| Refusal::List)?;
    let state = Some(spnego::State::Completed);
    Ok(spnego::Answer { state, mic: Some(&own), ..spnego::Answer::default() }.to_bytes())
}

/// Opens what the client hands over.
fn take_over(mut context: SealContext, asked: &TsRequest) -> Result<Judged, Refusal> {
    let sealed = asked.auth_info.as_deref().ok_or(Refusal::Malformed)?;
    let plain = unwrap(&mut context, sealed).map_err(|_| Refusal::OtherKey)?;
    Ok(Judged::In(password::decode(&plain)?))
}

fn next(answer: &spnego::Answer<'_>) -> Judged {
    Judged::Next(TsRequest { token: Some(answer.to_bytes()), ..request() }.encode())
}

const SEALED: Requirements =
    Requirements { protection: Protection::Sealed, channel_bindings: Bindings::Ignored };
