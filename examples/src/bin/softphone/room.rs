// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound files and a simulated room in place of a sound card: two clocks in one thread, the microphone's, which
//! the call goes by, and a loudspeaker's that is some parts per million off. What the loudspeaker plays comes
//! back into the microphone, beside what the near end says.

use std::collections::VecDeque;
use std::path::Path;
use std::thread;
use std::time::Duration;

use examples::{Context, Failure};

use crate::{Options, Phone, RATE};

const FRAME: usize = 160;

/// A loudspeaker on a desk: a direct way and reflections, behind what a sound card holds back.
struct Room {
    played: VecDeque<f32>,
    taps: Vec<(usize, f32)>,
    delay: usize,
    /// Samples of the loudspeaker's for one of the microphone's, and where between two of them it is.
    step: f64,
    place: f64,
}

impl Room {
    fn new(ppm: f64) -> Self {
        let mut seed = 7_u32;
        let taps = (0..60)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let strength = seed as i32 as f32 / 2_147_483_648.0 * (-(n as f32) / 12.0).exp();
                (n * 17, strength * 0.4)
            })
            .collect();
        Self {
            played: VecDeque::from(vec![0.0; RATE as usize]),
            taps,
            delay: 640,
            step: 1.0 + ppm * 1e-6,
            place: 0.0,
        }
    }

    fn play(&mut self, pcm: &[i16]) {
        self.played.extend(pcm.iter().map(|s| f32::from(*s)));
    }

    /// The microphone's next sample: of what was played, at its own clock.
    fn hear(&mut self) -> f32 {
        self.place += self.step;
        while self.place >= 1.0 && self.played.len() > RATE as usize {
            self.place -= 1.0;
            self.played.pop_front();
        }
        let newest = RATE as usize - 2 - self.delay;
        let (a, b) = (1.0 - self.place.min(1.0) as f32, self.place.min(1.0) as f32);
        let at = |n: usize| self.played.get(n).copied().unwrap_or(0.0);
        let heard = |back: usize| a * at(newest - back) + b * at(newest - back + 1);
        self.taps.iter().map(|(back, gain)| gain * heard(*back)).sum()
    }
}

/// Goes through the call.
pub(crate) fn run(options: &Options, phone: Phone) -> Result<(), Failure> {
    let Phone { mut microphone, mut speaker, control, mut send, clock } = phone;
    let said = options.say.as_deref().map(said).transpose()?.unwrap_or_default();
    let (mut room, mut heard) = (Room::new(options.ppm), Vec::new());
    let (mut owed, mut pcm) = (0.0, [0_i16; 2 * FRAME]);
    for n in 0..options.seconds * 100 {
        let due = Duration::from_nanos((n + 1) * 10_000_000);
        thread::sleep(due.saturating_sub(Duration::from_nanos(clock.now_ns())));
        let now_ns = (n + 1) * 10_000_000;
        let frame: [i16; FRAME] = std::array::from_fn(|k| {
            let near = said.get(n as usize * FRAME + k).copied().unwrap_or(0);
            let echo = if options.headset { 0.0 } else { room.hear() };
            (f32::from(near) + echo) as i16
        });
        microphone.capture(now_ns, &frame, |_, datagram| send(datagram));
        owed += FRAME as f64 * (1.0 + options.ppm * 1e-6);
        let count = (owed as usize).min(pcm.len());
        owed -= count as f64;
        speaker.render(now_ns + 4_000_000, &mut pcm[..count]);
        room.play(&pcm[..count]);
        heard.extend_from_slice(&pcm[..count]);
        if !options.quiet && n % 20 == 19 {
            crate::show(&control)?;
        }
    }
    println!("\n{:?}\n{:?}", control.microphone_stats(), control.speaker_stats());
    if let Some(path) = &options.out {
        write(path, &heard)?;
    }
    Ok(())
}

fn said(path: &Path) -> Result<Vec<i16>, Failure> {
    let reader = hound::WavReader::open(path).context(path.display())?;
    if reader.spec().channels != 1 || reader.spec().sample_rate != RATE {
        return Err(format!("{}: one channel at 16 kHz, please", path.display()).into());
    }
    Ok(reader.into_samples().collect::<Result<_, _>>()?)
}

fn write(path: &Path, pcm: &[i16]) -> Result<(), Failure> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).context(path.display())?;
    for sample in pcm {
        writer.write_sample(*sample)?;
    }
    Ok(writer.finalize()?)
}
