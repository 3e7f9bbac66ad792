// SPDX-License-Identifier: MIT OR Apache-2.0
//! RustCrypto as if it came from outside.

use alloc::boxed::Box;

use super::{Backend, BackendJob, BackendKey, KeySpec};
use crate::srtp::SrtpError;
use crate::srtp::crypto::{CryptoJob, Material, portable};

/// RustCrypto behind the trait: a pattern for other backends, and the way their plumbing is tested.
#[derive(Debug, Clone, Copy, Default)]
pub struct RustCrypto;

impl Backend for RustCrypto {
    fn schedule(&self, keys: &KeySpec<'_>) -> Result<BackendKey, SrtpError> {
        let mut material = Material { auth: *keys.auth_key, ..Material::default() };
        material.cipher_bytes = keys.cipher_key.len();
        let to = material.cipher.get_mut(..keys.cipher_key.len()).ok_or(SrtpError::KeyLength)?;
        to.copy_from_slice(keys.cipher_key);
        Ok(Box::new(portable::Key::new(keys.suite.cipher(), &material)?))
    }

    fn seal(&self, jobs: &mut [BackendJob<'_>]) {
        for job in jobs {
            if let Some(key) = job.key.downcast_ref::<portable::Key>() {
                job.tag = key.seal(plain_job(job.packet, job.clear_bytes, job.tail, job.iv));
                job.done = true;
            }
        }
    }

    fn open(&self, jobs: &mut [BackendJob<'_>]) {
        for job in jobs {
            if let Some(key) = job.key.downcast_ref::<portable::Key>() {
                let plain = plain_job(job.packet, job.clear_bytes, job.tail, job.iv);
                job.done = key.open(plain, job.tag, job.tag_bytes);
            }
        }
    }
}

fn plain_job(
    packet: &mut [u8],
    clear: usize,
    tail: Option<[u8; 4]>,
    iv: [u8; 16],
) -> CryptoJob<'_> {
    let end = packet.len();
    CryptoJob {
        buffer: packet,
        clear,
        end,
        tail: tail.map(u32::from_be_bytes),
        iv: u128::from_be_bytes(iv),
    }
}
