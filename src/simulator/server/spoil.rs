//! Replies that no client may trust.

use crate::auth::framing::{self, Protocol};
use crate::simulator::script::{BadReply, Damage};

/// Changes the text of a reply; replies without SOAP are made elsewhere.
pub(super) fn spoil(text: String, how: BadReply) -> String {
    match how {
        BadReply::Truncated => {
            let wanted = text.len() * 7 / 10;
            let end = (0..=wanted).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
            text.get(..end).unwrap_or_default().to_owned()
        }
        BadReply::Dtd => {
            let entities: String = (1..9).map(|level| entity(level, &format!("&e{};", level - 1))).collect();
            let first = entity(0, "lol");
            let inside = with_in_body(&text, "<x>&e8;</x>");
            format!("<!DOCTYPE s:Envelope [{first}{entities}]>{inside}")
        }
        BadReply::Giant(size) => {
            let pad = "A".repeat(usize::try_from(size).unwrap_or_default());
            with_in_body(&text, &format!("<pad>{pad}</pad>"))
        }
        BadReply::Deep(depth) => {
            let depth = usize::try_from(depth).unwrap_or_default();
            with_in_body(&text, &format!("{}{}", "<d>".repeat(depth), "</d>".repeat(depth)))
        }
        BadReply::Html | BadReply::Empty => text,
    }
}

fn entity(level: u32, content: &str) -> String {
    format!("<!ENTITY e{level} \"{}\">", content.repeat(10))
}

fn with_in_body(text: &str, more: &str) -> String {
    match text.rfind("</s:Body>") {
        Some(at) => {
            let (head, tail) = text.split_at(at);
            format!("{head}{more}{tail}")
        }
        None => text.to_owned(),
    }
}

/// Damages a sealed body of that content type.
pub(super) fn damage(content_type: &str, body: &mut [u8], damage: Damage) {
    let frames = framing::frames(content_type, body).unwrap_or_default();
    let Some(frame) = frames.first() else { return };
    let cipher = frame.cipher.start;
    let at = match damage {
        Damage::Cipher => cipher + frame.cipher.len() / 2,
        Damage::Signature => cipher - frame.signature.len() / 2,
        // CredSSP puts together again what it splits, so that another split alone would change nothing.
        Damage::Prefix if frame.protocol == Protocol::Credssp => cipher - frame.signature.len() - 1,
        Damage::Prefix => cipher - frame.signature.len() - PREFIX,
        Damage::Boundary => BEHIND_HYPHENS,
        Damage::Length => {
            let head = body.get(..cipher).unwrap_or_default();
            let name = head.windows(LENGTH.len()).position(|window| window == LENGTH).unwrap_or_default();
            name + LENGTH.len()
        }
    };
    if let Some(byte) = body.get_mut(at) {
        // A digit stays one: the lowest bit tells 0 from 1, 2 from 3 and so on.
        *byte ^= 1;
    }
}

const PREFIX: usize = 4;
const BEHIND_HYPHENS: usize = 2;
const LENGTH: &[u8] = b"Length=";
