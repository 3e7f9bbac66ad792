// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the control half orders, carried out between two frames.

use alloc::boxed::Box;

use super::LegMedia;
use crate::leg::command::{LegSpent, MediaCommand, MediaUpdate, Note};
use crate::within::Within;

impl LegMedia {
    /// Carries out what has been ordered since the last time.
    pub(super) fn apply_commands(&mut self) {
        if !self.session.apply_commands() {
            return;
        }
        while let Some(note) = self.notes.pop() {
            match note {
                Note::Digit(press) => self.digits.note(press),
                Note::Goodbye => self.source_gone = true,
            }
        }
        while let Some(command) = self.commands.pop() {
            match command {
                MediaCommand::SetMuted(muted) => self.muted = muted,
                MediaCommand::StopDigits { given } => self.packetizer.digits.clear(given),
                MediaCommand::Update(update) => self.update(update),
                MediaCommand::Record(recorder) => {
                    if let Some(before) = core::mem::replace(&mut self.recorder, recorder) {
                        let _ = self.spent.push(LegSpent::Recorder(before));
                    }
                }
            }
        }
    }

    /// Puts what an update brings in the place of what there is, which goes back with it.
    fn update(&mut self, mut update: Box<MediaUpdate>) {
        update.packetizer.continue_from(&mut self.packetizer);
        core::mem::swap(&mut self.packetizer, &mut update.packetizer);
        if let Some(decoders) = update.decoders.take() {
            update.decoders = Some(self.reader.replace_decoders(decoders));
        }
        // What waits goes on waiting, as far as there is room.
        let waiting = self.backlog_samples.min(update.backlog.len());
        update.backlog.head_mut(waiting).copy_of(self.backlog.head(waiting));
        self.backlog_samples = waiting;
        core::mem::swap(&mut self.backlog, &mut update.backlog);
        core::mem::swap(&mut self.tones, &mut update.tones);
        self.freeze_for_modems = update.freeze_for_modems;
        self.trailer_bytes = update.trailer_bytes;
        self.asks = update.asks;
        self.assessor = update.assessor;
        if self.direction.receives() && !update.direction.receives() {
            self.reader.source_gone();
        }
        self.direction = update.direction;
        if !self.direction.sends() {
            self.rested_samples += self.backlog_samples;
            self.backlog_samples = 0;
            self.rest_whole_packets();
        }
        self.timeout = update.timeout;
        update.keepalive.continue_from(&self.keepalive);
        self.keepalive = update.keepalive;
        // A full ring means that nobody collects; then it is freed here after all.
        let _ = self.spent.push(LegSpent::Media(update));
    }
}
