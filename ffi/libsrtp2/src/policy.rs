// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions that fill crypto policies. Some of these policies are refused when a session is
//! made of them: those without authentication, and those with 64-bit GCM tags.

use std::ffi::{c_int, c_uint};

use crate::abi::{
    AES_GCM_128, AES_GCM_256, AES_ICM_128, AES_ICM_192, AES_ICM_256, BAD_PARAM, HMAC_SHA1,
    NULL_AUTH, NULL_CIPHER, OK, SERVICE_AUTHENTICATION, SERVICE_BOTH, SERVICE_CONFIDENTIALITY,
    SERVICE_NONE, Status, srtp_crypto_policy_t,
};

macro_rules! policies {
    ($($name:ident: $cipher:expr, $key:expr, $auth:expr, $auth_key:expr, $tag:expr, $service:expr;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(policy: *mut srtp_crypto_policy_t) {
            // SAFETY: libsrtp's header: NULL or a policy to be filled.
            if let Some(policy) = unsafe { policy.as_mut() } {
                *policy = srtp_crypto_policy_t {
                    cipher_type: $cipher,
                    cipher_key_len: $key,
                    auth_type: $auth,
                    auth_key_len: $auth_key,
                    auth_tag_len: $tag,
                    sec_serv: $service,
                };
            }
        }
    )*};
}

policies! {
    srtp_crypto_policy_set_rtp_default: AES_ICM_128, 30, HMAC_SHA1, 20, 10, SERVICE_BOTH;
    srtp_crypto_policy_set_rtcp_default: AES_ICM_128, 30, HMAC_SHA1, 20, 10, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32: AES_ICM_128, 30, HMAC_SHA1, 20, 4, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_cm_128_null_auth: AES_ICM_128, 30, NULL_AUTH, 0, 0, SERVICE_CONFIDENTIALITY;
    srtp_crypto_policy_set_null_cipher_hmac_sha1_80: NULL_CIPHER, 30, HMAC_SHA1, 20, 10, SERVICE_AUTHENTICATION;
    srtp_crypto_policy_set_null_cipher_hmac_null: NULL_CIPHER, 30, NULL_AUTH, 0, 0, SERVICE_NONE;
    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80: AES_ICM_192, 38, HMAC_SHA1, 20, 10, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32: AES_ICM_192, 38, HMAC_SHA1, 20, 4, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_cm_192_null_auth: AES_ICM_192, 38, NULL_AUTH, 0, 0, SERVICE_CONFIDENTIALITY;
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80: AES_ICM_256, 46, HMAC_SHA1, 20, 10, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32: AES_ICM_256, 46, HMAC_SHA1, 20, 4, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_cm_256_null_auth: AES_ICM_256, 46, NULL_AUTH, 0, 0, SERVICE_CONFIDENTIALITY;
    srtp_crypto_policy_set_aes_gcm_128_8_auth: AES_GCM_128, 28, NULL_AUTH, 0, 8, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_gcm_256_8_auth: AES_GCM_256, 44, NULL_AUTH, 0, 8, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_gcm_128_8_only_auth: AES_GCM_128, 28, NULL_AUTH, 0, 8, SERVICE_AUTHENTICATION;
    srtp_crypto_policy_set_aes_gcm_256_8_only_auth: AES_GCM_256, 44, NULL_AUTH, 0, 8, SERVICE_AUTHENTICATION;
    srtp_crypto_policy_set_aes_gcm_128_16_auth: AES_GCM_128, 28, NULL_AUTH, 0, 16, SERVICE_BOTH;
    srtp_crypto_policy_set_aes_gcm_256_16_auth: AES_GCM_256, 44, NULL_AUTH, 0, 16, SERVICE_BOTH;
}

/// Fills a policy for a DTLS-SRTP profile's number; with 32-bit tags only where RTCP does not forbid
/// them.
unsafe fn from_profile(policy: *mut srtp_crypto_policy_t, profile: c_int, rtcp: bool) -> Status {
    let fill: unsafe extern "C" fn(*mut srtp_crypto_policy_t) = match (profile, rtcp) {
        (1, _) | (2, true) => srtp_crypto_policy_set_rtp_default,
        (2, false) => srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
        (5, _) | (6, true) => srtp_crypto_policy_set_null_cipher_hmac_sha1_80,
        (7, _) => srtp_crypto_policy_set_aes_gcm_128_16_auth,
        (8, _) => srtp_crypto_policy_set_aes_gcm_256_16_auth,
        _ => return BAD_PARAM,
    };
    // SAFETY: the caller's.
    unsafe { fill(policy) };
    OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_crypto_policy_set_from_profile_for_rtp(
    policy: *mut srtp_crypto_policy_t,
    profile: c_int,
) -> Status {
    // SAFETY: libsrtp's header.
    unsafe { from_profile(policy, profile, false) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn srtp_crypto_policy_set_from_profile_for_rtcp(
    policy: *mut srtp_crypto_policy_t,
    profile: c_int,
) -> Status {
    // SAFETY: libsrtp's header.
    unsafe { from_profile(policy, profile, true) }
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_profile_get_master_key_length(profile: c_int) -> c_uint {
    match profile {
        1 | 2 | 5 | 6 | 7 => 16,
        8 => 32,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn srtp_profile_get_master_salt_length(profile: c_int) -> c_uint {
    match profile {
        1 | 2 | 5 | 6 => 14,
        7 | 8 => 12,
        _ => 0,
    }
}
