// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adaptive prediction and quantization of one sub-band of `N` streams at once (G.722 sections 3
//! and 6.2). Written once: one stream is a lane of its own, many are a vector.

use super::lanes::Lanes;
use super::tables::{
    HIGH_DECISION, HIGH_LEVELS, HIGH_SCALE, HIGH_SCALE_LIMIT, HIGH_SCALE_STEPS, LOW_LEVELS,
    LOW_SCALE, LOW_SCALE_LIMIT, LOW_SCALE_STEPS,
};

/// Words of a band's state.
pub(super) const WORDS: usize = 22;
/// Zeros of the predictor.
const TAPS: usize = 6;

/// State of one sub-band. The names in brackets are the recommendation's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band<const N: usize> {
    /// Quantized differences, the newest first [D]; the last two fill a vector.
    differences: [Lanes<N>; 8],
    /// Coefficients of the zeros [B]; the last two stay 0.
    zeros: [Lanes<N>; 8],
    /// Coefficients of the poles [A].
    poles: [Lanes<N>; 2],
    /// Reconstructed signal, the newest first [R].
    reconstructed: [Lanes<N>; 2],
    /// Partially reconstructed signal, the newest first [P].
    partial: [Lanes<N>; 2],
    /// Logarithmic scale factor [NB].
    log_scale: Lanes<N>,
    /// Linear scale factor [DET].
    scale: Lanes<N>,
    /// Prediction of the zeros [SZ].
    zero_prediction: Lanes<N>,
    /// The whole prediction [S].
    prediction: Lanes<N>,
}

/// The bands of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bands {
    pub(super) low: Band<1>,
    pub(super) high: Band<1>,
}

impl Bands {
    /// The state after a reset.
    pub(super) fn new() -> Self {
        Self { low: Band::new(32), high: Band::new(8) }
    }
}

impl Band<1> {
    /// The state after a reset; `scale` is 32 in the lower and 8 in the upper band.
    pub(super) fn new(scale: i16) -> Self {
        let mut words = [0; WORDS];
        words[19] = scale;
        Self::from_words(&words)
    }

    pub(super) fn to_words(self) -> [i16; WORDS] {
        let mut words = [0; WORDS];
        for (word, lanes) in words.iter_mut().zip(self.to_lanes()) {
            *word = lanes.0[0];
        }
        words
    }

    pub(super) fn from_words(words: &[i16; WORDS]) -> Self {
        Self::from_lanes(&words.map(|word| Lanes([word])))
    }
}

impl<const N: usize> Band<N> {
    pub(super) fn to_lanes(self) -> [Lanes<N>; WORDS] {
        let [d0, d1, d2, d3, d4, d5, ..] = self.differences;
        let [z0, z1, z2, z3, z4, z5, ..] = self.zeros;
        let ([a0, a1], [r0, r1], [p0, p1]) = (self.poles, self.reconstructed, self.partial);
        let (log, scale) = (self.log_scale, self.scale);
        let (zero, whole) = (self.zero_prediction, self.prediction);
        [
            d0, d1, d2, d3, d4, d5, z0, z1, z2, z3, z4, z5, a0, a1, r0, r1, p0, p1, log, scale,
            zero, whole,
        ]
    }

    pub(super) fn from_lanes(lanes: &[Lanes<N>; WORDS]) -> Self {
        let &[
            d0,
            d1,
            d2,
            d3,
            d4,
            d5,
            z0,
            z1,
            z2,
            z3,
            z4,
            z5,
            a0,
            a1,
            r0,
            r1,
            p0,
            p1,
            log_scale,
            scale,
            zero_prediction,
            prediction,
        ] = lanes;
        Self {
            differences: [d0, d1, d2, d3, d4, d5, Lanes::ZERO, Lanes::ZERO],
            zeros: [z0, z1, z2, z3, z4, z5, Lanes::ZERO, Lanes::ZERO],
            poles: [a0, a1],
            reconstructed: [r0, r1],
            partial: [p0, p1],
            log_scale,
            scale,
            zero_prediction,
            prediction,
        }
    }

    /// Codes a sample of the lower band; the six bits of each stream's code word.
    #[inline(always)]
    pub(super) fn encode_low(&mut self, sample: Lanes<N>) -> Lanes<N> {
        let error = sample.sub(self.prediction);
        let sign = error.sign();
        let magnitude = error.xor(sign);
        // How many decision levels lie at or below it. There is no branch on the signal: the level
        // of a voice is what no branch predictor knows.
        let passed = magnitude.levels_passed(self.scale);
        // The fifteen adapting levels are four of the sixty each, but for the two about zero.
        let level = passed.add(Lanes::splat(2)).shift_right::<2>();
        let difference = level.choose(&LOW_LEVELS).negated_by(sign).multiply(self.scale);
        self.adapt_scale(level.choose(&LOW_SCALE_STEPS), LOW_SCALE_LIMIT, &LOW_SCALE);
        self.adapt_prediction(difference);
        // Positive words count down from 61; negative ones from 63, and from 31 after the first two.
        let start = Lanes::splat(61).add(Lanes::splat(2).masked(sign));
        let jump = passed.at_least(Lanes::splat(2)).masked(sign);
        start.sub(passed).sub(Lanes::splat(30).masked(jump))
    }

    /// Codes a sample of the upper band; the two bits of each stream's code word.
    #[inline(always)]
    pub(super) fn encode_high(&mut self, sample: Lanes<N>) -> Lanes<N> {
        let error = sample.sub(self.prediction);
        let sign = error.sign();
        let outer = error.xor(sign).at_least(self.scale.scaled(HIGH_DECISION));
        let level = pick(outer, &HIGH_LEVELS);
        let difference = level.negated_by(sign).multiply(self.scale);
        self.adapt_scale(pick(outer, &HIGH_SCALE_STEPS), HIGH_SCALE_LIMIT, &HIGH_SCALE);
        self.adapt_prediction(difference);
        // 3 and 2 are positive, inner and outer; 1 and 0 negative.
        Lanes::splat(3).add(outer).sub(Lanes::splat(2).masked(sign))
    }

    /// Takes the levels and the step of the scale factor that a lower code word stands for; the
    /// sample, limited to 15 bits.
    #[inline(always)]
    pub(super) fn decode_low(
        &mut self,
        output: Lanes<N>,
        level: Lanes<N>,
        scale_step: Lanes<N>,
    ) -> Lanes<N> {
        let sample = limited(self.prediction.add(output.multiply(self.scale)));
        let difference = level.multiply(self.scale);
        self.adapt_scale(scale_step, LOW_SCALE_LIMIT, &LOW_SCALE);
        self.adapt_prediction(difference);
        sample
    }

    /// The same for the upper band, whose two bits serve both ends.
    #[inline(always)]
    pub(super) fn decode_high(&mut self, level: Lanes<N>, scale_step: Lanes<N>) -> Lanes<N> {
        let difference = level.multiply(self.scale);
        let sample = limited(self.prediction.add(difference));
        self.adapt_scale(scale_step, HIGH_SCALE_LIMIT, &HIGH_SCALE);
        self.adapt_prediction(difference);
        sample
    }

    /// Leaky logarithmic scale factor, and the linear one [LOGSCL, SCALEL and their twins].
    #[inline(always)]
    fn adapt_scale(&mut self, step: Lanes<N>, limit: i16, table: &[i16; 512]) {
        let leaked = self.log_scale.multiply(Lanes::splat(32_512));
        self.log_scale = leaked.add(step).clamp(Lanes::ZERO, Lanes::splat(limit));
        self.scale = self.log_scale.shift_right::<6>().look_up(table);
    }

    /// Adapts poles and zeros to a quantized difference and predicts the next sample (block 4).
    #[inline(always)]
    fn adapt_prediction(&mut self, difference: Lanes<N>) {
        let reconstructed = self.prediction.add(difference);
        let partial = self.zero_prediction.add(difference);

        // Poles [UPPOL2, UPPOL1]. Signs agree where the exclusive or is not negative.
        let [a1, a2] = self.poles;
        let against_1 = partial.xor(self.partial[0]).sign();
        let against_2 = partial.xor(self.partial[1]).sign();
        let agree_1 = against_1.xor(Lanes::splat(-1));
        let slope = a1.twice().twice().negated_by(agree_1).shift_right::<7>();
        let a2 = slope
            .add(Lanes::splat(128).negated_by(against_2))
            .add(a2.multiply(Lanes::splat(32_512)))
            .clamp(Lanes::splat(-12_288), Lanes::splat(12_288));
        let bound = Lanes::splat(15_360).sub(a2);
        let a1 = Lanes::splat(192)
            .negated_by(against_1)
            .add(a1.multiply(Lanes::splat(32_640)))
            .clamp(Lanes::ZERO.sub(bound), bound);
        self.poles = [a1, a2];

        self.zero_prediction = if N == 1 {
            Lanes::splat(self.adapt_zeros_across(difference.0[0]))
        } else {
            self.adapt_zeros(difference)
        };

        // Filter of the poles [FILTEP], and the sum [PREDIC].
        let newest = reconstructed.twice().multiply(a1);
        let older = self.reconstructed[0].twice().multiply(a2);
        self.prediction = newest.add(older).add(self.zero_prediction);
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
    }

    /// Adapts the zeros [UPZERO]; what they predict [FILTEZ].
    #[inline(always)]
    fn adapt_zeros(&mut self, difference: Lanes<N>) -> Lanes<N> {
        let step = Lanes::splat(128).masked(difference.is_not_zero());
        let mut products = [Lanes::ZERO; TAPS];
        for i in (0..TAPS).rev() {
            let against = difference.xor(self.differences[i]).sign();
            let leaked = self.zeros[i].multiply(Lanes::splat(32_640));
            self.zeros[i] = step.negated_by(against).add(leaked);
            self.differences[i] = if i == 0 { difference } else { self.differences[i - 1] };
            products[i] = self.differences[i].twice().multiply_saturating(self.zeros[i]);
        }
        sum_from_the_oldest(&products)
    }

    /// The same for one stream, whose taps are the vector.
    #[inline(always)]
    fn adapt_zeros_across(&mut self, difference: i16) -> i16 {
        let across = |words: &[Lanes<N>; 8]| Lanes::<8>(words.map(|word| word.0[0]));
        let old = across(&self.differences);
        let step = Lanes::splat(if difference == 0 { 0 } else { 128 });
        let against = Lanes::splat(difference).xor(old).sign();
        let leaked = across(&self.zeros).multiply(Lanes::splat(32_640));
        let zeros =
            step.negated_by(against).add(leaked).masked(Lanes([-1, -1, -1, -1, -1, -1, 0, 0]));
        let [d0, d1, d2, d3, d4, d5, d6, _] = old.0;
        let shifted = Lanes([difference, d0, d1, d2, d3, d4, d5, d6]);
        let products = shifted.twice().multiply_saturating(zeros);
        self.zeros = zeros.0.map(|word| Lanes([word; N]));
        self.differences = shifted.0.map(|word| Lanes([word; N]));
        // Where no partial sum can leave 16 bits, the order does not matter.
        let largest: i32 = products.0.iter().map(|p| i32::from(*p).abs()).sum();
        if largest <= i32::from(i16::MAX) {
            products.0.iter().map(|p| i32::from(*p)).sum::<i32>() as i16
        } else {
            let [p0, p1, p2, p3, p4, p5, ..] = products.0.map(|word| Lanes([word]));
            sum_from_the_oldest(&[p0, p1, p2, p3, p4, p5]).0[0]
        }
    }
}

/// The saturating sum in the order of the recommendation.
#[inline(always)]
fn sum_from_the_oldest<const N: usize>(products: &[Lanes<N>; TAPS]) -> Lanes<N> {
    products.iter().rev().copied().reduce(Lanes::add).unwrap_or(Lanes::ZERO)
}

/// The second entry where `mask` is -1, else the first.
#[inline(always)]
fn pick<const N: usize>(mask: Lanes<N>, of: &[i16; 2]) -> Lanes<N> {
    Lanes::splat(of[0]).add(Lanes::splat(of[1] - of[0]).masked(mask))
}

/// 15 bits, so that the sum and difference of the bands fit 16 [LIMIT].
#[inline(always)]
fn limited<const N: usize>(sample: Lanes<N>) -> Lanes<N> {
    sample.clamp(Lanes::splat(-16_384), Lanes::splat(16_383))
}
