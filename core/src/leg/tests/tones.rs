// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is heard in the sound, and told.

use super::*;
use crate::dsp::tones::Generator;
use crate::dsp::tones::plans::{Plan, Signal, cadence};

#[test]
fn call_progress_tones_are_told_by_name_where_that_was_asked_for() {
    for (plan, signal) in [
        (Plan::Europe, Signal::Dial),
        (Plan::France, Signal::Ringing),
        (Plan::UnitedKingdom, Signal::Busy),
        (Plan::Europe, Signal::Congestion),
    ] {
        let mut sound = vec![0; 600 * 80];
        // It ends, and that is no other tone's pause.
        Generator::new(8_000, cadence(plan, signal), 20).fill(&mut sound[..400 * 80]);
        for (progress, tones) in [
            (false, InbandTones::Told),
            (true, InbandTones::Ignored),
            (true, InbandTones::DigitsRemoved),
        ] {
            let (a, mut b) = pair(CodecSpec::Pcma, None);
            (b.inband_tones, b.call_progress) = (tones, progress);
            let (mut a, mut b) = (end(&a), end(&b));
            let say = |_, tick: u64, _, pcm: &mut [i16]| {
                pcm.copy_from_slice(&sound[tick as usize * 80..][..pcm.len()]);
            };
            talk_of(&mut a, &mut b, 0..600, say, |_, _, _| {});
            let events: Vec<_> = core::iter::from_fn(|| b.control.next_event())
                .filter(|event| !matches!(event, LegEvent::SourceChanged { .. }))
                .collect();
            let expected = [LegEvent::CallProgress(signal)];
            assert_eq!(events, if progress { &expected[..] } else { &[] }, "{plan:?} {signal:?}");
        }
    }
}
