//! What either side proves about the key of the tunnel (MS-CSSP 3.1.5, versions 5 and later).

use sha2::{Digest, Sha256};

/// Who proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Client,
    Server,
}

/// The hash that goes sealed as `pubKeyAuth`; `public_key` is the `SubjectPublicKey` of the host's certificate.
pub(super) fn hash(by: By, nonce: &[u8; 32], public_key: &[u8]) -> [u8; 32] {
    let magic: &[u8] = match by {
        By::Client => b"CredSSP Client-To-Server Binding Hash\0",
        By::Server => b"CredSSP Server-To-Client Binding Hash\0",
    };
    Sha256::new().chain_update(magic).chain_update(nonce).chain_update(public_key).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{By, hash};

    /// By `printf … | sha256sum`.
    #[test]
    fn hashes() {
        let wanted: [(By, &str); 2] = [
            (By::Client, "5adf3ba4eb6461c3329eb169f8695dfb27722aa90f4ae5a4722da4c9ee3c16cf"),
            (By::Server, "3fa9fd611a8ed3b642e93f4f44cf727c3fd583e0669339fdaa56189dceb3759d"),
        ];
        for (by, wanted) in wanted {
            let found: String =
                hash(by, &[b'n'; 32], b"key").iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found, wanted);
        }
    }
}
