// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both bands of one stream side by side, [`Band<1>`] to the bit. Each sample waits for the one
//! before, so what lies between the two is kept short: what the scale factors make of each level
//! stands ready before the prediction is known.
//!
//! A pair is `[low, high]` in the first two lanes; nothing is read of the others. A band's predictor
//! is one vector: six zeros, then two poles.

use super::band::{Band, Bands, WORDS};
use super::tables::{
    HIGH_CODES, HIGH_DECISION, HIGH_LEVELS, HIGH_SCALE, HIGH_SCALE_LIMIT, HIGH_SCALE_STEPS,
    LOW_DECISION_COUNT, LOW_DECISIONS, LOW_LEVELS, LOW_SCALE, LOW_SCALE_LIMIT, LOW_SCALE_STEPS,
    LowCode,
};
use super::words::Words;

const MAX: i16 = i16::MAX;
const MIN: i16 = i16::MIN;

// Lanes of a predictor.
const ZEROS: [i16; 8] = [-1, -1, -1, -1, -1, -1, 0, 0];
const POLES: [i16; 8] = [0, 0, 0, 0, 0, 0, -1, -1];
const FIRST_POLE: [i16; 8] = [0, 0, 0, 0, 0, 0, -1, 0];
const SECOND_POLE: [i16; 8] = [0, 0, 0, 0, 0, 0, 0, -1];
/// The newest signal of the zeros and of the poles.
const NEWEST: [i16; 8] = [-1, 0, 0, 0, 0, 0, -1, 0];
const OLDER: [i16; 8] = [0, -1, -1, -1, -1, -1, 0, -1];

/// What leaks of a coefficient, in 65536ths: 32640 and 32512 of 32768 are left.
const LEAK: [i16; 8] = [-256, -256, -256, -256, -256, -256, -256, -512];
/// By how much a coefficient moves.
const STEPS: [i16; 8] = [128, 128, 128, 128, 128, 128, 192, 128];
/// Where the second pole ends, and nobody else.
const FLOOR: [i16; 8] = [MIN, MIN, MIN, MIN, MIN, MIN, MIN, -12_288];
const CEILING: [i16; 8] = [MAX, MAX, MAX, MAX, MAX, MAX, MAX, 12_288];
/// The same for the first pole, which ends where its bound is added.
const FIRST_FLOOR: [i16; 8] = [MIN, MIN, MIN, MIN, MIN, MIN, 0, MIN];
const FIRST_CEILING: [i16; 8] = [MAX, MAX, MAX, MAX, MAX, MAX, 0, MAX];
/// No partial sum of six products within it leaves 16 bits.
const HARMLESS: i16 = MAX / 6;

// The quantizers. Of the lower band's thirty levels every fourth is where the level changes that
// both sides adapt by; the eighth lane adds nothing.
const ADAPTING_DECISIONS: [i16; 8] = decisions(1, 4, 7);
const ADAPTING_LEVELS: [i16; 8] = above_the_first(&LOW_LEVELS);
const ADAPTING_STEPS: [i16; 8] = above_the_first(&LOW_SCALE_STEPS);
const DECISIONS: [[i16; 8]; 4] =
    [decisions(0, 1, 8), decisions(8, 1, 8), decisions(16, 1, 8), decisions(24, 1, 8)];

/// As many decision levels from `first` on, each so far from the one before.
const fn decisions(first: usize, apart: usize, count: usize) -> [i16; 8] {
    let mut all = [0; 8];
    let mut k = 0;
    while k < count {
        all[k] = (LOW_DECISIONS[first + apart * k] << 4) as i16;
        k += 1;
    }
    all
}

/// By how much each entry but the first lies above that.
const fn above_the_first(table: &[i16; 8]) -> [i16; 8] {
    let mut all = [0; 8];
    let mut k = 0;
    while k < 7 {
        all[k] = table[k + 1] - table[0];
        k += 1;
    }
    all
}

/// As [`Bands::encode`].
#[target_feature(enable = "sse2")]
pub(super) fn encode(bands: &mut Bands, samples: &[(i16, i16)], payload: &mut [u8]) {
    let mut pair = Pair::new(bands);
    for (byte, (low, high)) in payload.iter_mut().zip(samples) {
        *byte = pair.encode(*low, *high);
    }
    *bands = pair.to_bands();
}

/// As [`Bands::decode`].
#[target_feature(enable = "sse2")]
pub(super) fn decode(
    bands: &mut Bands,
    payload: &[u8],
    meaning: &[LowCode; 64],
    samples: &mut [(i16, i16)],
) {
    let mut pair = Pair::new(bands);
    for (byte, sample) in payload.iter().zip(samples) {
        *sample = pair.decode(*byte, &meaning[usize::from(byte & 63)]);
    }
    *bands = pair.to_bands();
}

/// The predictor of one band.
#[derive(Debug, Clone, Copy)]
struct Predictor {
    /// Coefficients [B, A].
    coefficients: Words,
    /// What they weigh: quantized differences [D] and reconstructed signal [R].
    signal: Words,
    /// Whose signs they follow: differences and partially reconstructed signal [P].
    followed: Words,
}

/// Both bands of one stream.
#[derive(Debug, Clone, Copy)]
struct Pair {
    low: Predictor,
    high: Predictor,
    /// Logarithmic scale factors [NB].
    log_scale: Words,
    /// Linear ones [DET].
    scale: Words,
    /// What the zeros predict [SZ].
    zero_prediction: Words,
    /// The whole predictions [S].
    prediction: Words,
}

impl Pair {
    #[target_feature(enable = "sse2")]
    fn new(bands: &Bands) -> Self {
        let (low, high) = (bands.low.to_words(), bands.high.to_words());
        let predictor = |w: &[i16; WORDS]| Predictor {
            coefficients: Words::of([w[6], w[7], w[8], w[9], w[10], w[11], w[12], w[13]]),
            signal: Words::of([w[0], w[1], w[2], w[3], w[4], w[5], w[14], w[15]]),
            followed: Words::of([w[0], w[1], w[2], w[3], w[4], w[5], w[16], w[17]]),
        };
        let pair = |word: usize| Words::pair(low[word], high[word]);
        Self {
            low: predictor(&low),
            high: predictor(&high),
            log_scale: pair(18),
            scale: pair(19),
            zero_prediction: pair(20),
            prediction: pair(21),
        }
    }

    #[target_feature(enable = "sse2")]
    fn to_bands(self) -> Bands {
        let band = |predictor: &Predictor, which: usize| {
            let [z0, z1, z2, z3, z4, z5, a0, a1] = predictor.coefficients.to_array();
            let [d0, d1, d2, d3, d4, d5, r0, r1] = predictor.signal.to_array();
            let [.., p0, p1] = predictor.followed.to_array();
            let of = |pair: Words| pair.first_two()[which];
            let (log, scale) = (of(self.log_scale), of(self.scale));
            let (zero, whole) = (of(self.zero_prediction), of(self.prediction));
            Band::from_words(&[
                d0, d1, d2, d3, d4, d5, z0, z1, z2, z3, z4, z5, a0, a1, r0, r1, p0, p1, log, scale,
                zero, whole,
            ])
        };
        Bands { low: band(&self.low, 0), high: band(&self.high, 1) }
    }

    /// Codes a sample of each band; the byte.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn encode(&mut self, low: i16, high: i16) -> u8 {
        // What the scale factor makes of each level. Products are rounded down, so that those of
        // negative levels are the positive ones' rounded up.
        let scale = self.scale.spread_first();
        let decisions = Words::of(ADAPTING_DECISIONS).high_unsigned(scale);
        let levels = Words::of(ADAPTING_LEVELS);
        let (high_half, low_half) = (levels.high(scale), levels.low(scale));
        let down = Words::joined(high_half, low_half);
        let whole = low_half.add_wrapping(low_half).equals(Words::splat(0));
        let part = whole.xor(Words::splat(-1));
        let outer_decision = Words::pair(0, (HIGH_DECISION << 4) as i16).high_unsigned(self.scale);

        let error = Words::pair(low, high).sub(self.prediction);
        let sign = error.shift_right::<15>();
        let magnitude = error.xor(sign);
        let (low_sign, low_magnitude) = (sign.spread_first(), magnitude.spread_first());
        let short_of = decisions.above(low_magnitude);
        let (product, low_step) = Words::largest(
            down.sub(part.and(low_sign)).without(short_of),
            Words::of(ADAPTING_STEPS).without(short_of),
        );
        let low_difference = product.spread_first().negated_by(low_sign);

        let inner = outer_decision.above(magnitude).and(Words::pair(0, -1));
        let level = Words::pair(0, HIGH_LEVELS[1])
            .xor(inner.and(Words::pair(0, HIGH_LEVELS[0] ^ HIGH_LEVELS[1])));
        let high_difference = level.negated_by(sign).multiply(self.scale).spread_second();

        let step = Words::pair(LOW_SCALE_STEPS[0], HIGH_SCALE_STEPS[1])
            .add(low_step.and(Words::pair(-1, 0)))
            .add(inner.and(Words::pair(0, HIGH_SCALE_STEPS[0] - HIGH_SCALE_STEPS[1])));
        self.adapt_scale(step);
        self.adapt_prediction(low_difference, high_difference);

        let mut short = Words::splat(0);
        for decisions in &DECISIONS {
            short = short.add(Words::of(*decisions).high_unsigned(scale).above(low_magnitude));
        }
        let passed = (32 + short.total()).min(LOW_DECISION_COUNT as i32);
        let ([low_sign, high_sign], [_, inner]) = (sign.first_two(), inner.first_two());
        let (low_sign, high_sign, inner) =
            (i32::from(low_sign), i32::from(high_sign), i32::from(inner));
        // Positive words of the lower band count down from 61; negative ones from 63, and from 31
        // after the first two. Of the upper band 3 and 2 are positive, inner and outer; 1 and 0 negative.
        let jump = if passed >= 2 { 30 & low_sign } else { 0 };
        let low_bits = 61 + (2 & low_sign) - passed - jump;
        let high_bits = 2 - inner - (2 & high_sign);
        (high_bits << 6 | low_bits) as u8
    }

    /// Decodes a byte, whose lower six bits mean `code`; the sample of each band, limited to 15 bits.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn decode(&mut self, byte: u8, code: &LowCode) -> (i16, i16) {
        let (high_level, high_step) = HIGH_CODES[usize::from(byte >> 6)];
        let difference = Words::pair(code.level, high_level).multiply(self.scale);
        let output = Words::pair(code.output, high_level).multiply(self.scale);
        let [low, high] = self
            .prediction
            .add(output)
            .max(Words::splat(-16_384))
            .min(Words::splat(16_383))
            .first_two();
        self.adapt_scale(Words::pair(code.scale_step, high_step));
        self.adapt_prediction(difference.spread_first(), difference.spread_second());
        (low, high)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn adapt_scale(&mut self, step: Words) {
        let log = self.log_scale;
        let leaked = log.add(log.high(Words::splat(-512)));
        self.log_scale = leaked
            .add(step)
            .max(Words::splat(0))
            .min(Words::pair(LOW_SCALE_LIMIT, HIGH_SCALE_LIMIT));
        let [low, high] = self.log_scale.shift_right::<6>().first_two();
        let index = |word: i16| usize::from(word as u16 & 511);
        self.scale = Words::pair(LOW_SCALE[index(low)], HIGH_SCALE[index(high)]);
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn adapt_prediction(&mut self, low: Words, high: Words) {
        let (prediction, zeros) = (self.prediction, self.zero_prediction);
        let low = self.low.adapt(low, zeros.spread_first(), prediction.spread_first());
        let high = self.high.adapt(high, zeros.spread_second(), prediction.spread_second());
        let (first, last) = Words::in_turns(low, high);
        self.zero_prediction = if low.harmful().or(high.harmful()).and(Words::of(ZEROS)).any() {
            Words::pair(low.sum_from_the_oldest(), high.sum_from_the_oldest())
        } else {
            let two = first.add(last.and(Words::of([-1, -1, -1, -1, 0, 0, 0, 0])));
            let one = two.add(two.upper_half());
            one.add(one.second_pair())
        };
        let newest = last.upper_half();
        self.prediction = newest.add(newest.second_pair()).add(self.zero_prediction);
    }
}

impl Predictor {
    /// Adapts to a quantized difference; what each coefficient predicts. All three words are in all
    /// lanes: the difference, and what was predicted by the zeros and by all.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn adapt(&mut self, difference: Words, zeros: Words, prediction: Words) -> Words {
        let (newest, older) = (Words::of(NEWEST), Words::of(OLDER));
        // The second pole follows the first one's old value too, up or down.
        let old = self.coefficients;
        let twice = old.add(old);
        let four = twice.add(twice).up().and(Words::of(SECOND_POLE));
        let falling = Words::splat(0).sub(four).shift_right::<7>();
        let rising = four.shift_right::<7>();
        let leaked = old.add(old.high(Words::of(LEAK))).add(falling);
        let turn = rising.sub(falling);

        let followed = difference.add(zeros.and(Words::of(POLES)));
        let against = followed.xor(self.followed).shift_right::<15>();
        let quiet = difference.equals(Words::splat(0)).and(Words::of(ZEROS));
        let moved = leaked
            .add(Words::of(STEPS).negated_by(against).without(quiet))
            .add(turn.and(against.up()))
            .max(Words::of(FLOOR))
            .min(Words::of(CEILING));
        let bound = Words::splat(15_360).sub(moved).down().and(Words::of(FIRST_POLE));
        self.coefficients =
            moved.min(bound.or(Words::of(FIRST_CEILING))).max(Words::of(FIRST_FLOOR).sub(bound));

        self.signal = difference
            .and(newest)
            .add(prediction.and(Words::of(FIRST_POLE)))
            .or(self.signal.up().and(older));
        self.followed = followed.and(newest).or(self.followed.up().and(older));
        self.signal.add(self.signal).multiply(self.coefficients)
    }
}

impl Words {
    /// Product of fractions, `a * b / 2^15` rounded down. Both must not be -1.0.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn multiply(self, other: Self) -> Self {
        Self::joined(self.high(other), self.low(other))
    }

    /// The value where `sign` is 0, its saturated negative where it is -1.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn negated_by(self, sign: Self) -> Self {
        self.xor(sign).sub(sign)
    }

    /// -1 where a word is so large that the zeros' sum could leave 16 bits on its way; the product of
    /// -1.0 and -1.0 is among them.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn harmful(self) -> Self {
        self.above(Self::splat(HARMLESS)).or(Self::splat(-HARMLESS).above(self))
    }

    /// The saturating sum of the zeros' products, in the order of the recommendation.
    #[cold]
    #[target_feature(enable = "sse2")]
    fn sum_from_the_oldest(self) -> i16 {
        let saturated = |product: i16| if product == MIN { MAX } else { product };
        let [p0, p1, p2, p3, p4, p5, ..] = self.to_array().map(saturated);
        [p4, p3, p2, p1, p0].into_iter().fold(p5, i16::saturating_add)
    }
}
