// SPDX-License-Identifier: MIT OR Apache-2.0
//! The E-model (ITU-T G.107, and G.107.1 for wide-band) with all but delay, codec and loss at its
//! default values: a transmission rating R, and the mean opinion score that a listener would give.
//!
//! The narrow-band model knows nothing better than a clean telephone call, R 93.2 of 100. On the
//! wide-band one such a call is R 93 of 129, and wide-band codecs are told from it.

/// R of a narrow-band call without any impairment but the defaults' (G.107 table 2: R0 less Is).
const BASE_RATING: f32 = 93.2;

/// R on the wide-band scale without any impairment (G.107.1 section 7.2).
const WIDE_BAND_BASE_RATING: f32 = 129.0;

/// How a codec fares by itself and under loss (G.113 appendix I).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor Ie: what coding costs without loss.
    pub equipment: f32,
    /// Packet-loss robustness factor Bpl: the larger, the less a loss costs.
    pub loss_robustness: f32,
    /// Equipment impairment factor on the wide-band scale, Ie,WB: 36 for the narrow band itself.
    pub wide_band_equipment: f32,
}

impl Impairment {
    /// G.711 with concealment (G.113 appendix I: Ie 0, Bpl 25.1).
    pub const G711: Self =
        Self { equipment: 0.0, loss_robustness: 25.1, wide_band_equipment: 36.0 };
    /// Linear PCM of at least 16 kHz.
    pub const WIDE_BAND_PCM: Self = Self { wide_band_equipment: 0.0, ..Self::G711 };
    /// G.722 at 64 kbit/s. The ITU rates it on the wide-band scale only; on this one these are
    /// G.711's, since it codes what G.711 does no worse.
    pub const G722: Self = Self { wide_band_equipment: 13.0, ..Self::G711 };
    /// Opus at 24 kbit/s. The ITU gives no values; these are G.711's, since Opus conceals at least
    /// as well and its coding is transparent to narrow-band ears; on the wide-band scale, AMR-WB's at
    /// a like rate.
    pub const OPUS: Self = Self { wide_band_equipment: 1.0, ..Self::G711 };
}

/// A rating and the score that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Transmission rating R, 0 to 93.2.
    pub rating: f32,
    /// Mean opinion score of a conversation (MOS-CQE), 1 to 4.5.
    pub mos: f32,
    /// The same without the delay: listening quality (MOS-LQE).
    pub mos_lq: f32,
    /// Transmission rating on the wide-band scale, 0 to 129 (G.107.1).
    pub wide_band_rating: f32,
    /// Its mean opinion score of a conversation, on a scale on which narrow-band reaches 3.7.
    pub wide_band_mos: f32,
}

/// Rates a call from its loss in percent (what was missing at playout), burst ratio (1 for random
/// loss, more for bursts; G.107 section 3.5) and one-way delay in milliseconds, mouth to ear.
pub fn quality(codec: Impairment, loss_percent: f32, burst_ratio: f32, delay_ms: f32) -> Quality {
    let loss = loss_percent.clamp(0.0, 100.0);
    let burst = burst_ratio.max(1.0);
    let lossy = loss / (loss / burst + codec.loss_robustness);
    let effective = |equipment: f32| equipment + (95.0 - equipment) * lossy;
    let delay = delay_impairment(delay_ms);
    let listening = BASE_RATING - effective(codec.equipment);
    let rating = (listening - delay).clamp(0.0, 100.0);
    let wide = WIDE_BAND_BASE_RATING - effective(codec.wide_band_equipment) - delay;
    let wide_band_rating = wide.clamp(0.0, WIDE_BAND_BASE_RATING);
    Quality {
        rating,
        mos: mos(rating),
        mos_lq: mos(listening),
        wide_band_rating,
        // G.107.1 annex A.
        wide_band_mos: mos(wide_band_rating / 1.29),
    }
}

/// Id in the form of R. G. Cole and J. H. Rosenbluth, "Voice over IP performance monitoring"
/// (2001): a gentle slope, and a steeper one above 177.3 ms.
fn delay_impairment(delay_ms: f32) -> f32 {
    let delay = delay_ms.clamp(0.0, 10_000.0);
    0.024 * delay + 0.11 * (delay - 177.3).max(0.0)
}

/// G.107 annex B.
fn mos(rating: f32) -> f32 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points_of_the_model_are_met() {
        // G.107 annex B, table B.1: R 90, 80, 70, 60, 50 and their scores.
        for (rating, score) in
            [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)]
        {
            assert!((mos(rating) - score).abs() < 0.01, "R {rating}: {}", mos(rating));
        }
        assert_eq!(mos(0.0), 1.0);
        let clean = quality(Impairment::G711, 0.0, 1.0, 0.0);
        assert_eq!(clean.rating, 93.2);
        // 5 % random loss: Ie,eff = 95 * 5 / (5 + 25.1).
        let lossy = quality(Impairment::G711, 5.0, 1.0, 0.0);
        assert!((lossy.rating - (93.2 - 15.78)).abs() < 0.01);
    }

    #[test]
    fn wide_band_codecs_are_told_from_the_telephones_band() {
        let clean = |codec| quality(codec, 0.0, 1.0, 0.0);
        let (narrow, g722) = (clean(Impairment::G711), clean(Impairment::G722));
        // G.107.1 section 6.2: the narrow band's 93.2 is where it was, on a scale up to 129.
        assert!((narrow.wide_band_rating - narrow.rating).abs() < 0.3);
        assert_eq!(g722.wide_band_rating, 116.0);
        assert_eq!(clean(Impairment::WIDE_BAND_PCM).wide_band_rating, 129.0);
        assert!(g722.wide_band_mos > narrow.wide_band_mos + 0.5);
        assert_eq!(g722.mos, narrow.mos);
        // Enough loss, and the band makes no difference any more.
        let lost = |codec| quality(codec, 100.0, 1.0, 0.0).wide_band_mos;
        assert!((lost(Impairment::G722) - lost(Impairment::G711)).abs() < 0.3);
    }

    #[test]
    fn more_loss_more_delay_and_longer_bursts_never_sound_better() {
        let mut last = f32::MAX;
        for step in 0..50 {
            let now = quality(Impairment::OPUS, step as f32, 1.0, step as f32 * 10.0).mos;
            assert!(now <= last);
            let burst = quality(Impairment::OPUS, step as f32, 4.0, step as f32 * 10.0).mos;
            assert!(burst <= now);
            last = now;
        }
        assert!(quality(Impairment::G711, f32::MAX, f32::MAX, f32::MAX).mos >= 1.0);
    }
}
