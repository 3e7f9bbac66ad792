// SPDX-License-Identifier: MIT OR Apache-2.0
//! Splits what DTLS exports into master keys (RFC 5764 section 4.2). For the signalling thread.

use super::{MasterKey, SrtpError, Suite};

/// The label to export keying material with.
pub const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// Which side of the DTLS association this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that sent the ClientHello (`a=setup:active`).
    Client,
    /// The other one (`a=setup:passive`).
    Server,
}

/// The master keys of the two directions.
#[derive(Debug, Clone)]
pub struct DirectionKeys {
    /// For the [`Sender`](super::Sender).
    pub send: MasterKey,
    /// For the [`Receiver`](super::Receiver).
    pub receive: MasterKey,
}

/// Bytes to export for a suite: two keys and two salts.
pub fn exported_bytes(suite: Suite) -> usize {
    2 * (suite.key_bytes() + suite.salt_bytes())
}

/// Splits exported keying material: client's key, server's key, client's salt, server's salt.
///
/// Real-time: no.
///
/// # Errors
/// [`SrtpError::KeyLength`] unless there are [`exported_bytes`].
pub fn split(suite: Suite, exported: &[u8], role: Role) -> Result<DirectionKeys, SrtpError> {
    if exported.len() != exported_bytes(suite) {
        return Err(SrtpError::KeyLength);
    }
    let (keys, salts) = exported.split_at(2 * suite.key_bytes());
    let (client_key, server_key) = keys.split_at(suite.key_bytes());
    let (client_salt, server_salt) = salts.split_at(suite.salt_bytes());
    let client = MasterKey::new(client_key, client_salt)?;
    let server = MasterKey::new(server_key, server_salt)?;
    Ok(match role {
        Role::Client => DirectionKeys { send: client, receive: server },
        Role::Server => DirectionKeys { send: server, receive: client },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_side_sends_with_its_own_key_and_receives_with_the_others() {
        for suite in Suite::ALL {
            let exported: Vec<u8> = (0..exported_bytes(suite) as u8).collect();
            let client = split(suite, &exported, Role::Client).unwrap();
            let server = split(suite, &exported, Role::Server).unwrap();
            assert!(client.send.same_material(&server.receive));
            assert!(server.send.same_material(&client.receive));
            let (key, salt) = (suite.key_bytes(), suite.salt_bytes());
            assert_eq!(client.send.key(), &exported[..key]);
            assert_eq!(server.send.key(), &exported[key..2 * key]);
            assert_eq!(client.send.salt(), &exported[2 * key..2 * key + salt]);
            assert_eq!(server.send.salt(), &exported[2 * key + salt..]);
            assert!(split(suite, &exported[1..], Role::Client).is_err());
        }
    }
}
