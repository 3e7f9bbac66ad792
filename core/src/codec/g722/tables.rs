// SPDX-License-Identifier: MIT OR Apache-2.0
//! The numbers of ITU-T G.722 (09/2012): quantizers, scale factors and the mirror filters. The
//! names in brackets are the recommendation's.

/// Decision levels of the 60-level quantizer of the lower band, without the outermost [Q6]. The last
/// three only fill a vector: whatever passes them has passed [`LOW_DECISION_COUNT`] others.
pub(super) const LOW_DECISIONS: [u16; 32] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919, 4_095, 4_095, 4_095,
];
pub(super) const LOW_DECISION_COUNT: usize = 29;
/// The decision level of the 4-level quantizer of the upper band.
pub(super) const HIGH_DECISION: u16 = 564;

/// Magnitudes of the 15-level inverse quantizer that adapts the lower band [QM4].
pub(super) const LOW_LEVELS: [i16; 8] = [0, 1_200, 2_584, 4_240, 6_288, 8_968, 12_896, 20_456];
/// What each of those magnitudes adds to the lower band's scale factor [WL].
pub(super) const LOW_SCALE_STEPS: [i16; 8] = [-60, -30, 58, 172, 334, 538, 1_198, 3_042];
/// Magnitudes of the upper band's inverse quantizer [QM2].
pub(super) const HIGH_LEVELS: [i16; 2] = [1_616, 7_408];
/// What each of those adds to the upper band's scale factor [WH].
pub(super) const HIGH_SCALE_STEPS: [i16; 2] = [-214, 798];
/// Largest logarithmic scale factors of the bands.
pub(super) const LOW_SCALE_LIMIT: i16 = 18_432;
pub(super) const HIGH_SCALE_LIMIT: i16 = 22_528;

/// Magnitudes of the 30-level inverse quantizer, 56 kbit/s [QM5], from the largest.
const LEVELS_5: [i16; 15] = [
    23_352, 17_560, 14_120, 11_664, 9_752, 8_184, 6_864, 5_712, 4_696, 3_784, 2_960, 2_208, 1_520,
    880, 280,
];
/// Magnitudes of the 60-level inverse quantizer, 64 kbit/s [QM6], from the largest.
const LEVELS_6: [i16; 30] = [
    24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856,
    7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688,
    1_360, 1_040, 728, 432, 136,
];

/// Coefficients of the 24-tap quadrature mirror filters, every other one; the other half is the
/// mirror image.
pub(super) const QMF: [i16; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// What the lower band's part of a code word means.
#[derive(Debug, Clone, Copy)]
pub(super) struct LowCode {
    /// Signed level for the output, of as many bits as the mode has.
    pub(super) output: i16,
    /// Signed level of the four bits that both sides adapt by.
    pub(super) level: i16,
    /// Step of the scale factor.
    pub(super) scale_step: i16,
}

/// [`LowCode`] of the six bits of the lower band, for 6, 5 and 4 bits that count.
pub(super) static LOW_CODES: [[LowCode; 64]; 3] = [low_codes(6), low_codes(5), low_codes(4)];

const fn low_codes(bits: u32) -> [LowCode; 64] {
    let mut codes = [LowCode { output: 0, level: 0, scale_step: 0 }; 64];
    let mut code = 0;
    while code < 64 {
        let four = code >> 2;
        // The 4-bit words 1 to 7 are negative, from the largest; 8 to 14 positive; 0 and 15 zero.
        let magnitude = match four {
            0 | 15 => 0,
            1..=7 => 8 - four,
            _ => 15 - four,
        };
        let level = if four < 8 { -LOW_LEVELS[magnitude] } else { LOW_LEVELS[magnitude] };
        codes[code] = LowCode {
            output: match bits {
                6 => level_6(code),
                5 => level_5(code >> 1),
                _ => level,
            },
            level,
            scale_step: LOW_SCALE_STEPS[magnitude],
        };
        code += 1;
    }
    codes
}

/// Words that no encoder sends (the four of zero transmitted bits) decode as the smallest level.
const fn level_6(code: usize) -> i16 {
    match code {
        0..=3 => -136,
        4..=31 => -LEVELS_6[code - 4],
        32..=61 => LEVELS_6[code - 32],
        62 => -432,
        _ => -136,
    }
}

const fn level_5(code: usize) -> i16 {
    match code {
        0 | 1 => -280,
        2..=15 => -LEVELS_5[code - 2],
        16..=30 => LEVELS_5[code - 16],
        _ => -280,
    }
}

/// The upper band's two bits: signed level and step of the scale factor.
pub(super) static HIGH_CODES: [(i16, i16); 4] = [
    (-HIGH_LEVELS[1], HIGH_SCALE_STEPS[1]),
    (-HIGH_LEVELS[0], HIGH_SCALE_STEPS[0]),
    (HIGH_LEVELS[1], HIGH_SCALE_STEPS[1]),
    (HIGH_LEVELS[0], HIGH_SCALE_STEPS[0]),
];

/// 2048 * 2^(k/32), as the recommendation rounds it [ILB].
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656,
    2_714, 2_774, 2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520,
    3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

/// Linear scale factors of each band by the logarithmic one's upper bits [SCALEL, SCALEH]; longer
/// than it need be, so that an index of nine bits is always inside.
pub(super) static LOW_SCALE: [i16; 512] = scales(8);
pub(super) static HIGH_SCALE: [i16; 512] = scales(10);

const fn scales(shift: i32) -> [i16; 512] {
    let mut table = [0; 512];
    let mut index = 0;
    while index < 512 {
        let right = shift - (index as i32 >> 5);
        let power = POWERS[index & 31];
        let linear = if right < -1 {
            0 // beyond the limit of the logarithmic factor
        } else if right < 0 {
            power << 1
        } else {
            power >> right
        };
        table[index] = (linear << 2) as i16;
        index += 1;
    }
    table
}
