// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sessions that go on elsewhere.

use ale_media_capi::srtp_checkpoint::*;

use super::input::Input;
use super::{Objects, check, session};

/// What has been stored of a session.
#[derive(Default)]
pub(super) struct Checkpoint {
    sending: Vec<u8>,
    receiving: Vec<u8>,
    generation: u64,
}

const KEY: [u8; ALE_SRTP_WRAPPING_KEY_BYTES] = [9; ALE_SRTP_WRAPPING_KEY_BYTES];

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let (n, at) = (input.index(), input.index());
        let live = objects.sessions[n];
        match input.choice(4) {
            0 | 1 => {
                let direction = input.enumerated(2);
                let (mut room, mut length, mut generation) = (0, 0, 0);
                if !check(ale_srtp_checkpoint_bytes(live, direction, &mut room)) {
                    return;
                }
                let mut bytes = vec![0; room + usize::from(input.byte() & 1)];
                bytes.truncate(bytes.len() - usize::from(input.byte() & 1));
                let nonce = [input.byte(); ALE_SRTP_WRAPPING_NONCE_BYTES];
                let taken = check(ale_srtp_checkpoint(
                    live,
                    direction,
                    KEY.as_ptr(),
                    nonce.as_ptr(),
                    input.number(),
                    bytes.as_mut_ptr(),
                    bytes.len(),
                    &mut length,
                    &mut generation,
                ));
                if taken {
                    assert_eq!(length, room);
                    bytes.truncate(length);
                    let stored = &mut objects.checkpoints[at];
                    if direction == 0 {
                        (stored.sending, stored.generation) = (bytes, generation);
                    } else {
                        stored.receiving = bytes;
                    }
                }
            }
            2 => {
                let generation = match input.byte() {
                    0 => input.long(),
                    _ => objects.checkpoints[at].generation,
                };
                check(ale_srtp_confirm_checkpoint(live, generation));
            }
            _ if live.is_null() => {
                let config = session::config(objects, input);
                let stored = &objects.checkpoints[at];
                let (mut sending, mut receiving) =
                    (stored.sending.clone(), stored.receiving.clone());
                let which = input.byte();
                if which & 1 == 1 {
                    sending.clear();
                }
                if which & 2 == 2 {
                    receiving.clear();
                }
                if which & 12 == 12 {
                    std::mem::swap(&mut sending, &mut receiving);
                }
                if let Some(byte) = sending.get_mut(input.number() as usize) {
                    *byte ^= input.byte();
                }
                check(ale_srtp_restore(
                    &config,
                    KEY.as_ptr(),
                    sending.as_ptr(),
                    sending.len(),
                    receiving.as_ptr(),
                    receiving.len(),
                    &mut objects.sessions[n],
                ));
            }
            _ => session::destroy(objects, n),
        }
    }
}
