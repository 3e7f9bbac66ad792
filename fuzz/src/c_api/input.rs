// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arguments from the input's bytes.

use std::ffi::{CStr, c_char};
use std::ptr::null;

use ale_media_capi::codec::ale_codec;

use super::{Objects, PLACES};

const LINES: [&CStr; 4] = [
    c"1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd",
    c"1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
    c"1 AES_CM_128_HMAC_SHA1_80 inline:HRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA|2^20|1:2",
    c"1 AES_CM_128_HMAC_SHA1_80 inline:short",
];
const ENCODINGS: [&CStr; 5] =
    [c"PCMU/8000", c"PCMA/8000", c"G722/8000", c"L16/16000", c"NOSUCH/8000"];

/// What is left of the input; zeros where nothing is.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// One of so many.
    pub(super) fn choice(&mut self, of: u8) -> u8 {
        self.byte() % of
    }

    pub(super) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::from(self.byte()) % values.len()]
    }

    pub(super) fn index(&mut self) -> usize {
        usize::from(self.byte()) % PLACES
    }

    /// One of an enumeration's values, or the first that is none.
    pub(super) fn enumerated(&mut self, values: u8) -> i32 {
        self.choice(values + 1).into()
    }

    /// Small as a rule, and sometimes any number at all.
    pub(super) fn number(&mut self) -> u32 {
        match self.byte() {
            small @ 0..=199 => u32::from(small),
            200..=229 => u32::from(self.byte()) << 8 | u32::from(self.byte()),
            byte => {
                [u32::MAX, 1 << 31, 65_536, 48_000, 8_000, 16_000, 1_000, 0][usize::from(byte & 7)]
            }
        }
    }

    pub(super) fn long(&mut self) -> u64 {
        u64::from(self.number()) << (self.byte() & 31) | u64::from(self.byte())
    }

    pub(super) fn now_ns(&mut self) -> u64 {
        u64::from(self.byte()) * 10_000_000
    }

    pub(super) fn factor(&mut self) -> f32 {
        match self.byte() {
            0 => f32::NAN,
            1 => f32::INFINITY,
            2 => -1.0,
            byte => f32::from(byte) / 16.0,
        }
    }

    /// The input's own bytes, at most so many.
    pub(super) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes for a packet: the input's own, or a plain RTP header with some payload.
    pub(super) fn packet(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte());
        if self.byte() & 3 == 0 {
            return self.bytes(length).to_vec();
        }
        let mut packet = vec![0x55; 12 + length];
        packet[..12].fill(0);
        packet[0] = 0x80;
        packet[1] = self.one_of(&[0, 8, 13, 96, 101, 121]);
        packet[3] = self.byte();
        packet[6] = packet[3];
        packet[11] = self.byte() & 3;
        packet
    }

    /// A key line, a bad one, or NULL.
    pub(super) fn line(&mut self) -> *const c_char {
        LINES.get(usize::from(self.choice(6))).map_or(null(), |line| line.as_ptr())
    }

    /// A codec of the library's, of the host's, or one that there is not.
    pub(super) fn codec(&mut self, objects: &Objects) -> ale_codec {
        let mut codec = ale_codec {
            payload_type: self.byte(),
            encoding: null(),
            sample_rate_hz: 0,
            bit_rate_bps: self.number(),
            complexity: self.number(),
            decoder_complexity: 0,
            dred_ms: 0,
            fmtp: null(),
            host: null(),
        };
        match self.choice(9) {
            n @ 6.. => codec.host = objects.codecs[usize::from(n - 6)],
            n => codec.encoding = ENCODINGS.get(usize::from(n)).map_or(null(), |e| e.as_ptr()),
        }
        codec
    }

    /// Changes some members of a config that is all integers but for pointers set afterwards.
    pub(super) fn disturb(&mut self, members: &mut [&mut u32]) {
        for _ in 0..self.byte() & 3 {
            let index = usize::from(self.byte()) % members.len();
            *members[index] = self.number();
        }
    }
}
