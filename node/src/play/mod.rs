// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sound that is played to parties and conferences: where files may lie, what is read of them, and how it goes on.

mod opus;
pub mod wav;

use core::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ale_media::dsp::resample::Resampler;
use wav::WavError;

/// Longest file that is played: a quarter of an hour of PCM at 8 kHz.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Samples that are converted at a time.
const BLOCK: usize = 480;

/// Why something is not played.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayError {
    /// No folder was configured.
    NoFolder,
    /// There is no such file in the folder.
    NoFile,
    /// It is longer than what is played.
    TooLong,
    /// It can't be read.
    Wav(WavError),
    /// It is Ogg, and not with one stream of Opus in it that something is to be heard of.
    Opus,
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder => f.write_str("No folder to play files from is configured"),
            Self::NoFile => f.write_str("No such file in the configured folder"),
            Self::TooLong => f.write_str("Too long a file"),
            Self::Wav(error) => error.fmt(f),
            Self::Opus => f.write_str("Of Ogg only one stream of Opus in one channel or two"),
        }
    }
}

impl core::error::Error for PlayError {}

/// The sound of a file, in one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    pcm: Vec<i16>,
    rate_hz: u32,
}

impl Sound {
    /// Of a file's bytes.
    ///
    /// # Errors
    /// [`PlayError`].
    pub fn read(file: &[u8]) -> Result<Self, PlayError> {
        if file.len() as u64 > MAX_FILE_BYTES {
            return Err(PlayError::TooLong);
        }
        let (pcm, rate_hz) = if opus::is_one(file) {
            opus::read(file)?
        } else {
            wav::read(file).map_err(PlayError::Wav)?
        };
        Ok(Self { pcm, rate_hz })
    }

    /// Of a file within a folder, by its name there or by its whole path.
    ///
    /// # Errors
    /// [`PlayError`]: also for what lies elsewhere, by whatever way the name leads there.
    pub fn open(folder: Option<&Path>, name: &str) -> Result<Self, PlayError> {
        let folder: PathBuf =
            folder.ok_or(PlayError::NoFolder)?.canonicalize().map_err(|_| PlayError::NoFile)?;
        let path = folder.join(name).canonicalize().map_err(|_| PlayError::NoFile)?;
        // A device or a pipe in the folder might never end.
        if !path.starts_with(&folder) || !path.is_file() {
            return Err(PlayError::NoFile);
        }
        let mut file = Vec::new();
        let opened = std::fs::File::open(&path).map_err(|_| PlayError::NoFile)?;
        let read = opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut file);
        read.map_err(|_| PlayError::NoFile)?;
        Self::read(&file)
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// How long it is.
    pub fn duration_ms(&self) -> u64 {
        self.pcm.len() as u64 * 1_000 / u64::from(self.rate_hz)
    }

    /// The same at another rate.
    ///
    /// # Errors
    /// [`PlayError::Wav`]: one that there is no conversion to.
    pub fn at(self, rate_hz: u32) -> Result<Self, PlayError> {
        if rate_hz == self.rate_hz {
            return Ok(self);
        }
        let resampler = Resampler::new(self.rate_hz, rate_hz);
        let mut resampler = resampler.map_err(|_| PlayError::Wav(WavError::Rate))?;
        let mut pcm = Vec::new();
        let mut block = vec![0; resampler.output_len(BLOCK) + 1];
        for part in self.pcm.chunks(BLOCK) {
            let samples = resampler.process(part, &mut block[..]);
            pcm.extend_from_slice(block.get(..samples).unwrap_or_default());
        }
        Ok(Self { pcm, rate_hz })
    }
}

/// How a sound is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// How often.
    pub times: u64,
    /// For how long at most, in ms.
    pub limit_ms: Option<u64>,
    /// Where it begins the first time, in ms.
    pub start_ms: u64,
}

/// A sound that is being played. Its last copy is let go of by whoever began it.
#[derive(Debug, Clone)]
pub struct Player {
    sound: Arc<Sound>,
    at: usize,
    left: u64,
    limit: u64,
    /// Where it is, for who asks, in samples.
    position: Arc<AtomicU64>,
}

impl Player {
    /// One that begins.
    pub fn new(sound: Sound, rounds: Rounds) -> Self {
        let samples = |ms: u64| ms.saturating_mul(u64::from(sound.rate_hz)) / 1_000;
        let at = usize::try_from(samples(rounds.start_ms)).unwrap_or(usize::MAX);
        let limit = rounds.limit_ms.map_or(u64::MAX, samples);
        let (at, left) = (at.min(sound.pcm.len()), rounds.times.max(1));
        Self {
            sound: Arc::new(sound),
            at,
            left,
            limit,
            position: Arc::new(AtomicU64::new(at as u64)),
        }
    }

    /// Samples a second.
    pub fn rate_hz(&self) -> u32 {
        self.sound.rate_hz
    }

    /// Where it is within the sound, in ms; from any thread that has a copy.
    pub fn position_ms(&self) -> u64 {
        self.position.load(Ordering::Relaxed) * 1_000 / u64::from(self.sound.rate_hz)
    }

    /// Whether more is to come.
    pub fn is_playing(&self) -> bool {
        self.left > 0 && self.limit > 0 && !self.sound.pcm.is_empty()
    }

    /// Plays on: what comes next, and silence behind its end.
    pub fn fill(&mut self, out: &mut [i16]) {
        out.fill(0);
        let mut rest = out;
        while !rest.is_empty() && self.is_playing() {
            let ahead = self.sound.pcm.get(self.at..).unwrap_or_default();
            let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
            let samples = rest.len().min(ahead.len()).min(limit);
            let (now, later) = rest.split_at_mut(samples);
            now.copy_from_slice(ahead.get(..samples).unwrap_or_default());
            (rest, self.at, self.limit) = (later, self.at + samples, self.limit - samples as u64);
            if self.at >= self.sound.pcm.len() {
                (self.at, self.left) = (0, self.left - 1);
            }
        }
        self.position.store(self.at as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player(samples: i16, times: u64, limit_ms: Option<u64>, start_ms: u64) -> Player {
        let sound = Sound { pcm: (1..=samples).collect(), rate_hz: 1_000 };
        Player::new(sound, Rounds { times, limit_ms, start_ms })
    }

    fn all(mut player: Player, block: usize) -> Vec<i16> {
        let mut heard = Vec::new();
        for _ in 0..20 {
            let mut out = vec![9; block];
            player.fill(&mut out);
            heard.extend(out);
        }
        assert!(!player.is_playing());
        while heard.last() == Some(&0) {
            heard.pop();
        }
        heard
    }

    #[test]
    fn a_sound_is_heard_so_often_so_long_and_from_there_whatever_the_blocks() {
        for block in [1, 2, 3, 5, 7] {
            assert_eq!(all(player(3, 1, None, 0), block), [1, 2, 3]);
            assert_eq!(all(player(3, 2, None, 1), block), [2, 3, 1, 2, 3]);
            assert_eq!(all(player(3, 9, Some(5), 0), block), [1, 2, 3, 1, 2]);
            assert_eq!(all(player(3, 0, None, 2), block), [3]);
            assert_eq!(all(player(3, 1, Some(0), 0), block), [0_i16; 0]);
        }
        // One that begins behind its end is over with the first look.
        let mut late = player(3, 1, None, u64::MAX);
        late.fill(&mut [0; 4]);
        assert!(!late.is_playing());
    }

    #[test]
    fn only_files_of_the_folder_are_opened() {
        let base = std::env::temp_dir().join(format!("ale-play-{}", std::process::id()));
        let folder = base.join("sounds");
        std::fs::create_dir_all(folder.join("de")).unwrap();
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\0\0\0\0\x02\0\x10\0data\x04\0\0\0".to_vec();
        wav.extend([1, 0, 2, 0]);
        for path in [folder.join("de/a.wav"), base.join("secret.wav")] {
            std::fs::write(path, &wav).unwrap();
        }
        std::os::unix::fs::symlink(base.join("secret.wav"), folder.join("link.wav")).unwrap();
        let open = |name: &str| Sound::open(Some(&folder), name);
        assert_eq!(open("de/a.wav").unwrap().pcm, [1, 2]);
        let whole = folder.join("de/a.wav");
        assert!(open(whole.to_str().unwrap()).is_ok());
        for name in [
            "../secret.wav",
            "link.wav",
            "/etc/passwd",
            "de",
            "",
            "none.wav",
            "de/../../secret.wav",
        ] {
            assert_eq!(open(name), Err(PlayError::NoFile), "{name}");
        }
        assert_eq!(Sound::open(None, "de/a.wav"), Err(PlayError::NoFolder));
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_sound_at_another_rate_lasts_as_long() {
        let tone = |n: usize| (8_000.0 * (n as f64 * 0.05).sin()) as i16;
        let sound = Sound { pcm: (0..48_000).map(tone).collect(), rate_hz: 48_000 };
        let other = sound.clone().at(8_000).unwrap();
        assert!(other.duration_ms().abs_diff(sound.duration_ms()) <= 1, "{}", other.duration_ms());
        let power = |s: &Sound| {
            let sum: f64 = s.pcm.iter().map(|&x| f64::from(x).powi(2)).sum();
            sum / s.pcm.len() as f64
        };
        let ratio = power(&other) / power(&sound);
        assert!((0.95..1.05).contains(&ratio), "{ratio}");
    }
}
