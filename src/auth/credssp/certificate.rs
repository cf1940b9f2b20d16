//! As much of a certificate as CredSSP looks at.

use crate::auth::der::{BITS, Der, DerError, INTEGER, SEQUENCE, context};

/// The bits of `SubjectPublicKey`, which both sides prove to have seen.
pub(super) fn public_key(certificate: &[u8]) -> Result<&[u8], DerError> {
    let mut fields = Der::new(certificate).expect(SEQUENCE)?.expect(SEQUENCE)?;
    let (first, _) = fields.next()?;
    if first == context(0) {
        fields.expect(INTEGER)?;
    } else if first != INTEGER {
        return Err(DerError);
    }
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        fields.expect(SEQUENCE)?;
    }
    let mut key = fields.expect(SEQUENCE)?;
    key.expect(SEQUENCE)?;
    match key.expect(BITS)?.rest().split_first() {
        Some((0, bits)) if !bits.is_empty() => Ok(bits),
        _ => Err(DerError),
    }
}
