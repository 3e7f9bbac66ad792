// SPDX-License-Identifier: MIT OR Apache-2.0
//! What those who see a camera can take, and what it is asked for.

use std::collections::HashMap;

use super::{Path, camera, camera_mut};
use crate::video::output::Output;

/// Has the camera that the member in a place is to see asked for a key frame if that is what is waited for; with a
/// time, which of its layers that is is chosen before.
pub(super) fn ask(
    paths: &mut [Option<Box<Path>>],
    places: &HashMap<u64, usize>,
    place: usize,
    choose_ns: Option<u64>,
) {
    let of = |paths: &[Option<Box<Path>>]| {
        let path = paths.get(place).and_then(Option::as_deref).and_then(camera);
        places.get(&path?.output.as_ref()?.wanted()?).copied()
    };
    let Some(seen) = of(paths) else { return };
    // Nobody sees itself.
    let Ok([Some(viewer), Some(path)]) = paths.get_disjoint_mut([place, seen]) else { return };
    let (Some((_, viewer)), Some((_, seen))) = (camera_mut(viewer), camera_mut(path)) else {
        return;
    };
    let (Some(output), Some(input)) = (&mut viewer.output, &mut seen.input) else { return };
    if let Some(now_ns) = choose_ns {
        output.choose(input, now_ns);
    }
    if let Some(run) = output.waits_for(|_, layer| input.run(layer)) {
        input.want_key_frame(run.layer);
    }
}

/// What the camera in a place may send: what all who are to see it can take. Of several layers each sees one that it
/// can.
pub(super) fn limit(stage: &[usize], paths: &[Option<Box<Path>>], place: usize) -> Option<u64> {
    let of = |place: usize| paths.get(place).and_then(Option::as_deref);
    let (path, seen) = (of(place)?.id, camera(of(place)?)?);
    let own = seen.limit_bps;
    if seen.input.as_ref().is_some_and(|input| input.are_several()) {
        return Some(own);
    }
    let outputs = stage.iter().filter_map(|place| camera(of(*place)?)?.output.as_ref());
    let outputs = outputs.filter(|output| output.wanted() == Some(path));
    Some(outputs.filter_map(Output::bandwidth_bps).min().unwrap_or(own).min(own))
}
