// SPDX-License-Identifier: MIT OR Apache-2.0
//! A black box's log, played again.

use std::error::Error;

use ale_media::jitter::Replay;

use crate::decoders::decoders;
use crate::options::Arguments;
use crate::sink::Sink;

/// Plays a log and says whether everything was decided as it was then.
pub(crate) fn replay(arguments: &Arguments, path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // The rate is in the log; static payload types are decoded at it.
    let rate = Replay::new(&bytes, decoders(arguments, arguments.rate)?)?.sample_rate_hz();
    let mut replay = Replay::new(&bytes, decoders(arguments, rate)?)?;
    let mut sink = Sink::new(arguments, None, rate)?;
    let (mut pulls, mut other) = (0_u64, 0_u64);
    let mut began_ns = None;
    while let Some((pull, pcm)) = replay.pull()? {
        let mut info = pull.again.unwrap_or_default();
        if pull.again.is_none() {
            info.operation = pull.operation;
            info.delay_ms = pull.delay_ms;
            info.target_delay_ms = pull.target_delay_ms;
        }
        other += u64::from(!pull.agrees);
        let began_ns = *began_ns.get_or_insert(pull.now_ns);
        sink.take(pulls, pull.now_ns.saturating_sub(began_ns) / 1_000_000, info, pcm)?;
        pulls += 1;
    }
    sink.finish()?;
    match (replay.has_audio(), replay.is_whole()) {
        (false, _) => println!("{pulls} pulls; the log has no audio"),
        (true, true) => println!("{pulls} pulls, {other} decided otherwise than then"),
        (true, false) => {
            println!("{pulls} pulls, {other} decided otherwise; the beginning is lost");
        }
    }
    Ok(())
}
