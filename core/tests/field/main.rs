// SPDX-License-Identifier: MIT OR Apache-2.0
//! Situations of public bug reports, as real peers make them, one test each; their neighbours are in the
//! same test's table. In brackets: where they were seen.
//!
//! | file | what goes on |
//! |---|---|
//! | `sources` | who is heard: changes of SSRC, restarts, two at once, farewells, video beside the voice |
//! | `counters` | lost rollover counters, late joins, gaps |
//! | `keys` | re-keying |
//! | `digits` | telephone events as peers send them |
//! | `addresses` | where the peer is: transfers, NAT, strangers, RTCP's own port |
//! | `quality` | what counts as loss, holds, silence, comfort after the end |
//! | `reports` | RTCP as peers send and answer it |
//! | `timing` | packets that come with the audio thread's pulls |
//! | `update` | a living leg that is changed, and one that takes its session over |
#![cfg(not(any(loom, shuttle)))]

mod addresses;
mod call;
mod counters;
mod digits;
mod keys;
mod quality;
mod reports;
mod sources;
mod timing;
mod update;
