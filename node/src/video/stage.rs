// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is shown to whom: each member sees who speaks, and who speaks sees who was shown before.

/// A member with video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The number of its path.
    pub path: u64,
    /// Whether it has a camera.
    pub sends: bool,
    /// Whom it sees, if anybody.
    pub sees: Option<u64>,
}

/// Has each member see who it is to see now. `speaker` is the path of the member who leads the conversation, which
/// may have no camera.
pub fn arrange(seats: &mut [Seat], speaker: Option<u64>) {
    for at in 0..seats.len() {
        let Some(&Seat { path, sees, .. }) = seats.get(at) else { return };
        let can_be_seen = |of: u64| seats.iter().any(|s| s.path == of && of != path && s.sends);
        let any = || seats.iter().find(|s| s.path != path && s.sends).map(|s| s.path);
        let kept = || sees.filter(|of| can_be_seen(*of));
        let sees = speaker.filter(|of| can_be_seen(*of)).or_else(kept).or_else(any);
        if let Some(seat) = seats.get_mut(at) {
            seat.sees = sees;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seats: &mut [Seat], speaker: Option<u64>) -> Vec<Option<u64>> {
        arrange(seats, speaker);
        seats.iter().map(|seat| seat.sees).collect()
    }

    #[test]
    fn everybody_sees_who_speaks_and_who_speaks_sees_who_did_before() {
        let seat = |path, sends| Seat { path, sends, sees: None };
        assert_eq!(seen(&mut [seat(1, true)], Some(1)), [None]);
        let seats = &mut [seat(1, true), seat(2, true), seat(3, true), seat(4, false)];
        assert_eq!(seen(&mut seats[..2], None), [Some(2), Some(1)], "the other of two");
        assert_eq!(seen(seats, Some(2)), [Some(2), Some(1), Some(2), Some(2)]);
        assert_eq!(seen(seats, Some(3)), [Some(3), Some(3), Some(2), Some(3)]);
        // Who has no camera, or is not there, changes nothing.
        for speaker in [None, Some(4), Some(9)] {
            assert_eq!(seen(seats, speaker), [Some(3), Some(3), Some(2), Some(3)]);
        }
        // The third leaves.
        let seats = &mut [seats[0], seats[1], seats[3]];
        assert_eq!(seen(seats, Some(3)), [Some(2), Some(1), Some(1)]);
    }
}
