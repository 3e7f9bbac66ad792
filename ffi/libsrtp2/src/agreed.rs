// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a policy asks for, as configurations of ours: one for SRTP and one for SRTCP, whose suites may be
//! different.

use ale_media::srtp::{MasterKey, Policy, SessionConfig, SrtpError, Suite};

use crate::abi::{self, PolicyView, Status, srtp_crypto_policy_t};

/// Keys and rules of a stream or template.
pub(crate) struct Agreed {
    pub(crate) rtp: SessionConfig,
    /// `None` where the policy asks for SRTCP without authentication: there is none then.
    pub(crate) rtcp: Option<SessionConfig>,
    /// The keys' identifiers. Ours are the keys' positions where there are several, and none where there
    /// is one: whether a packet has an identifier is decided with each call.
    pub(crate) mkis: Vec<Vec<u8>>,
    /// A packet may be sent twice.
    pub(crate) repeats: bool,
}

impl Agreed {
    pub(crate) fn new(policy: &PolicyView<'_>) -> Result<Self, Status> {
        let suite_of_rtp = suite(&policy.rtp)?.ok_or(abi::BAD_PARAM)?;
        let suite_of_rtcp = suite(&policy.rtcp)?;
        let sizes = |suite: Suite| (suite.key_bytes(), suite.salt_bytes());
        if suite_of_rtcp.is_some_and(|suite| sizes(suite) != sizes(suite_of_rtp)) {
            return Err(abi::BAD_PARAM);
        }
        let (mut keys, mut mkis) = (Vec::new(), Vec::new());
        let bytes = suite_of_rtp.key_bytes() + suite_of_rtp.salt_bytes();
        let given = policy.keys(bytes)?;
        for (position, (bytes, mki)) in given.iter().enumerate() {
            let key = MasterKey::from_concatenated(suite_of_rtp, bytes).map_err(status)?;
            let position = [position as u8];
            let ours = if given.len() > 1 { &position[..] } else { &[] };
            keys.push(key.with_mki(ours).map_err(status)?);
            mkis.push(mki.to_vec());
        }
        let configure = |suite: Suite| -> Result<SessionConfig, Status> {
            let mut config = SessionConfig::without_key(suite);
            config.keys.clone_from(&keys);
            // The program has chosen; what it may not choose is in `suite`.
            config.policy = Policy::Legacy;
            config.allow_null_cipher = true;
            config.max_streams = 1;
            // Only the counter that RFC 3711 section 3.3.1 estimates, as in libsrtp.
            config.roc_retry = 0;
            config.short_rtcp_tags = true;
            config.unencrypted_srtp = !suite.is_null() && !policy.rtp.encrypts();
            config.unencrypted_srtcp = !suite.is_null() && !policy.rtcp.encrypts();
            config.replay_window = match policy.window_size {
                0 => 128,
                size @ 64..0x8000 => size.next_power_of_two(),
                _ => return Err(abi::BAD_PARAM),
            };
            Ok(config)
        };
        let mut rtp = configure(suite_of_rtp)?;
        let listed = policy.encrypted_extensions()?;
        // As in libsrtp, nothing of the header is encrypted where nothing else is.
        if policy.rtp.encrypts() {
            rtp.encrypted_extensions = listed;
        }
        rtp.validate().map_err(status)?;
        let rtcp = suite_of_rtcp.map(configure).transpose()?;
        Ok(Self { rtp, rtcp, mkis, repeats: policy.repeats })
    }

    /// Whether any of the keys is one of the other's.
    pub(crate) fn shares_a_key(&self, other: &Self) -> bool {
        let known = |key: &MasterKey| other.rtp.keys.iter().any(|of| of.same_material(key));
        self.rtp.keys.iter().any(known)
    }
}

/// The suite of a crypto policy, `None` without authentication: every one of libsrtp's but those with
/// 64-bit GCM tags, which RFC 7714 does not have.
fn suite(policy: &srtp_crypto_policy_t) -> Result<Option<Suite>, Status> {
    let suite = match (policy.cipher_type, policy.auth_tag_len) {
        (abi::AES_GCM_128, 16) => Suite::AeadAes128Gcm,
        (abi::AES_GCM_256, 16) => Suite::AeadAes256Gcm,
        (abi::AES_GCM_128 | abi::AES_GCM_256, _) => return Err(abi::BAD_PARAM),
        _ if !policy.authenticates() => return Ok(None),
        (abi::AES_ICM_128, 10) => Suite::AesCm128HmacSha1_80,
        (abi::AES_ICM_128, 4) => Suite::AesCm128HmacSha1_32,
        (abi::AES_ICM_192, 10) => Suite::AesCm192HmacSha1_80,
        (abi::AES_ICM_192, 4) => Suite::AesCm192HmacSha1_32,
        (abi::AES_ICM_256, 10) => Suite::AesCm256HmacSha1_80,
        (abi::AES_ICM_256, 4) => Suite::AesCm256HmacSha1_32,
        (abi::NULL_CIPHER, 10) => Suite::NullHmacSha1_80,
        (abi::NULL_CIPHER, 4) => Suite::NullHmacSha1_32,
        _ => return Err(abi::BAD_PARAM),
    };
    let bytes = suite.key_bytes() + suite.salt_bytes();
    let fits = suite.is_null() || usize::try_from(policy.cipher_key_len) == Ok(bytes);
    if fits { Ok(Some(suite)) } else { Err(abi::BAD_PARAM) }
}

pub(crate) fn status(error: SrtpError) -> Status {
    match error {
        SrtpError::AuthenticationFailed => abi::AUTH_FAIL,
        SrtpError::Replayed | SrtpError::IndexReused => abi::REPLAY_FAIL,
        SrtpError::TooOld => abi::REPLAY_OLD,
        SrtpError::UnknownSsrc | SrtpError::StreamLimit => abi::NO_CTX,
        SrtpError::KeyExhausted | SrtpError::IndexExhausted => abi::KEY_EXPIRED,
        SrtpError::UnknownMki => abi::BAD_MKI,
        SrtpError::NotPermitted => abi::CANT_CHECK,
        _ => abi::BAD_PARAM,
    }
}
