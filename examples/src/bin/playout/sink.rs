// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where what was played goes.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use ale_media::jitter::{Operation, PullInfo};
use examples::delay_plot;

use crate::options::{Arguments, numbered};

/// Where what was played goes: sound, a line a pull, a drawing.
pub(crate) struct Sink {
    plot: Option<PathBuf>,
    wav: Option<hound::WavWriter<std::io::BufWriter<std::fs::File>>>,
    log: Option<std::io::BufWriter<std::fs::File>>,
    history: Vec<PullInfo>,
    /// Delay over the fastest packets in ms, and the share of packets, if known.
    pub(crate) histogram: Vec<(f32, f32)>,
}

impl Sink {
    pub(crate) fn new(
        arguments: &Arguments,
        number: Option<usize>,
        rate: u32,
    ) -> Result<Self, Box<dyn Error>> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let wav = arguments
            .out
            .as_ref()
            .map(|path| hound::WavWriter::create(numbered(path, number), spec));
        let wav = wav.transpose()?;
        let mut log = None;
        if let Some(path) = &arguments.log {
            let mut file = std::io::BufWriter::new(std::fs::File::create(numbered(path, number))?);
            writeln!(file, "pull,t_ms,op,delay_ms")?;
            log = Some(file);
        }
        let plot = arguments.plot.as_ref().map(|path| numbered(path, number));
        Ok(Self { plot, wav, log, history: Vec::new(), histogram: Vec::new() })
    }

    pub(crate) fn take(
        &mut self,
        pull: u64,
        at_ms: u64,
        info: PullInfo,
        pcm: &[i16],
    ) -> Result<(), Box<dyn Error>> {
        if self.plot.is_some() {
            self.history.push(info);
        }
        if let Some(log) = &mut self.log {
            let letter = letter(info.operation);
            writeln!(log, "{pull},{at_ms},{letter},{:.1}", info.delay_ms)?;
        }
        if let Some(wav) = &mut self.wav {
            let mut samples = wav.get_i16_writer(pcm.len() as u32);
            pcm.iter().for_each(|&sample| samples.write_sample(sample));
            samples.flush()?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), Box<dyn Error>> {
        if let Some(wav) = self.wav {
            wav.finalize()?;
        }
        if let Some(path) = &self.plot {
            delay_plot::draw(path, &self.history, &self.histogram)?;
        }
        Ok(())
    }
}

fn letter(operation: Operation) -> char {
    match operation {
        Operation::Silence => 's',
        Operation::ComfortNoise => 'c',
        Operation::Accelerate => 'a',
        Operation::Expand => 'p',
        Operation::Conceal => 'e',
        _ => 'n',
    }
}
