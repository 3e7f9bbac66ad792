// SPDX-License-Identifier: MIT OR Apache-2.0
//! The E-model (ITU-T G.107) with all but delay, codec and loss at its default values:
//! a transmission rating R, and the mean opinion score that a listener would give.

/// R of a narrow-band call without any impairment but the defaults' (G.107 table 2: R0 less Is).
const BASE_RATING: f32 = 93.2;

/// How a codec fares by itself and under loss (G.113 appendix I).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor Ie: what coding costs without loss.
    pub equipment: f32,
    /// Packet-loss robustness factor Bpl: the larger, the less a loss costs.
    pub loss_robustness: f32,
}

impl Impairment {
    /// G.711 with concealment (G.113 appendix I: Ie 0, Bpl 25.1).
    pub const G711: Self = Self { equipment: 0.0, loss_robustness: 25.1 };
    /// G.722 at 64 kbit/s. The ITU rates it on the wide-band scale only; on this one these are
    /// G.711's, since it codes what G.711 does no worse.
    pub const G722: Self = Self { equipment: 0.0, loss_robustness: 25.1 };
    /// Opus at 24 kbit/s. The ITU gives no values; these are G.711's, since Opus conceals at least
    /// as well and its coding is transparent to narrow-band ears.
    pub const OPUS: Self = Self { equipment: 0.0, loss_robustness: 25.1 };
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
}

/// Rates a call from its loss in percent (what was missing at playout), burst ratio (1 for random
/// loss, more for bursts; G.107 section 3.5) and one-way delay in milliseconds, mouth to ear.
pub fn quality(codec: Impairment, loss_percent: f32, burst_ratio: f32, delay_ms: f32) -> Quality {
    let loss = loss_percent.clamp(0.0, 100.0);
    let burst = burst_ratio.max(1.0);
    let equipment =
        codec.equipment + (95.0 - codec.equipment) * loss / (loss / burst + codec.loss_robustness);
    let listening = BASE_RATING - equipment;
    let rating = (listening - delay_impairment(delay_ms)).clamp(0.0, 100.0);
    Quality { rating, mos: mos(rating), mos_lq: mos(listening) }
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
