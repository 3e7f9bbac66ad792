// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings of human speech, and a script of who says what when.

use std::ops::Range;
use std::path::Path;

use ale_media::dsp::resample::Resampler;

use crate::{Context, Failure};

/// Rate at which recordings are kept.
pub const RATE_HZ: u32 = 16_000;

/// Reads a 16-bit WAV file as mono at `rate_hz` (8000, 16000, 32000 or 48000 Hz in the file).
///
/// # Errors
/// When the file can't be read or has another format; the message names it.
pub fn read_wav(path: &Path, rate_hz: u32) -> Result<Vec<i16>, Failure> {
    let name = path.display();
    let mut reader = hound::WavReader::open(path).context(&name)?;
    let spec = reader.spec();
    if spec.sample_format != hound::SampleFormat::Int || spec.bits_per_sample != 16 {
        return Err(format!(
            "{name}: {} bits a sample, 16-bit PCM is needed",
            spec.bits_per_sample
        )
        .into());
    }
    let channels = usize::from(spec.channels.max(1));
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>().context(&name)?;
    let mono: Vec<i16> = samples.chunks(channels).map(|frame| frame[0]).collect();
    resample(&mono, spec.sample_rate, rate_hz).context(&name)
}

/// Writes mono 16-bit PCM as a WAV file.
///
/// # Errors
/// When the file can't be written; the message names it.
pub fn write_wav(path: &Path, rate_hz: u32, pcm: &[i16]) -> Result<(), Failure> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).context(path.display())?;
    for sample in pcm {
        writer.write_sample(*sample).context(path.display())?;
    }
    writer.finalize().context(path.display())
}

/// Converts a whole recording.
///
/// # Errors
/// For rates other than 8, 16, 32 and 48 kHz.
pub fn resample(pcm: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, Failure> {
    let mut resampler = Resampler::new(from_hz, to_hz)?;
    let mut out = vec![0; resampler.output_len(pcm.len())];
    resampler.process(pcm, &mut out);
    Ok(out)
}

/// The recordings in a folder, in the order of their names, at [`RATE_HZ`].
///
/// # Errors
/// When the folder can't be read or holds no WAV file.
pub fn read_folder(folder: &Path) -> Result<Vec<Vec<i16>>, Failure> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .context(folder.display())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{}: no .wav file in this folder", folder.display()).into());
    }
    paths.iter().map(|path| read_wav(path, RATE_HZ)).collect()
}

/// Something said: where it lies in the speaker's timeline, in samples at [`RATE_HZ`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utterance {
    /// Place in the timeline.
    pub span: Range<usize>,
    /// Whether nobody else speaks meanwhile.
    pub alone: bool,
}

/// What one party says over the whole call.
#[derive(Debug, Clone)]
pub struct Part {
    /// The whole call at [`RATE_HZ`], silence included.
    pub timeline: Vec<i16>,
    /// What is said in it.
    pub utterances: Vec<Utterance>,
}

/// Turns between utterances are this long, in samples at [`RATE_HZ`].
const PAUSE: usize = RATE_HZ as usize / 2;
/// An utterance lasts at most this long.
const LONGEST: usize = RATE_HZ as usize * 3;

/// Lets `parties` talk in turn for `seconds`; after every round the first two talk over each
/// other.
#[must_use]
pub fn script(recordings: &[Vec<i16>], parties: usize, seconds: usize) -> Vec<Part> {
    let length = seconds * RATE_HZ as usize;
    let mut parts = vec![Part { timeline: vec![0; length], utterances: Vec::new() }; parties];
    let mut at = PAUSE * 2;
    let mut next = 0;
    'call: loop {
        let turns = (0..parties).map(|party| vec![party]).chain((parties > 2).then(|| vec![0, 1]));
        for speakers in turns {
            let mut longest = 0;
            for party in &speakers {
                let recording = &recordings[next % recordings.len()];
                let recording = &recording[..recording.len().min(LONGEST)];
                next += 1;
                let span = at..at + recording.len();
                let Some(room) = parts[*party].timeline.get_mut(span.clone()) else { break 'call };
                room.copy_from_slice(recording);
                parts[*party].utterances.push(Utterance { span, alone: speakers.len() == 1 });
                longest = longest.max(recording.len());
            }
            at += longest + PAUSE;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_speaks_alone_and_the_first_two_at_once() {
        let recordings: Vec<_> = (1..6).map(|n| vec![n * 100_i16; 16_000]).collect();
        let parts = script(&recordings, 4, 30);
        assert_eq!(parts.len(), 4);
        for part in &parts {
            assert_eq!(part.timeline.len(), 30 * 16_000);
            assert!(part.utterances.iter().filter(|u| u.alone).count() >= 3);
        }
        assert!(parts[0].utterances.iter().any(|u| !u.alone));
        for (party, part) in parts.iter().enumerate() {
            for utterance in part.utterances.iter().filter(|u| u.alone) {
                for other in parts.iter().enumerate().filter(|(o, _)| *o != party).map(|(_, p)| p) {
                    assert!(other.timeline[utterance.span.clone()].iter().all(|s| *s == 0));
                }
            }
        }
    }
}
