// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control halves of legs.

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use ale_media_capi::leg::*;
use ale_media_capi::leg_address::*;
use ale_media_capi::leg_config::*;
use ale_media_capi::leg_event::*;
use ale_media_capi::leg_stats::*;
use ale_media_capi::leg_ticket::*;

use super::input::Input;
use super::{Objects, check};

pub(super) unsafe fn call(objects: &mut Objects, input: &mut Input<'_>) {
    // SAFETY: the caller's.
    unsafe {
        let n = input.index();
        let orders = objects.orders[n];
        match input.choice(13) {
            0 => drop(check(ale_leg_set_muted(orders, i32::from(input.byte())))),
            1 => drop(check(ale_leg_rekey(orders, input.line(), input.line()))),
            2 => {
                let digits = input.one_of(&[c"159#D", c"", c"x", c"0123456789*#ABCD0"]);
                check(ale_leg_send_dtmf(orders, digits.as_ptr(), input.number(), input.number()));
            }
            3 => drop(check(ale_leg_stop_dtmf(orders))),
            4 => {
                let mut event = MaybeUninit::<ale_leg_event>::uninit();
                while check(ale_leg_next_event(orders, event.as_mut_ptr())) {}
            }
            5 => {
                let mut stats = MaybeUninit::<ale_leg_counters>::uninit();
                check(ale_leg_stats(orders, stats.as_mut_ptr()));
                let mut counters = MaybeUninit::<ale_leg_session_counters>::uninit();
                let size = input.choice(size_of::<ale_leg_session_counters>() as u8 + 1).into();
                check(ale_leg_session_stats(orders, counters.as_mut_ptr(), size));
            }
            6 => {
                let mut json = [0; 1024];
                let capacity = json.len().min(input.number() as usize);
                check(ale_leg_ticket_json(orders, json.as_mut_ptr(), capacity, null_mut()));
            }
            7 => {
                let mut ticket = MaybeUninit::<ale_leg_ticket>::uninit();
                check(ale_leg_ticket_read(orders, ticket.as_mut_ptr()));
            }
            8 => {
                let mut contributors = [MaybeUninit::<ale_contributor>::uninit(); 20];
                let (room, mut count) = (input.choice(21).into(), 0);
                let out = contributors.as_mut_ptr().cast();
                check(ale_leg_contributors(orders, out, room, &mut count));
            }
            9 => drop(check(ale_leg_change_ssrc(orders, input.number()))),
            10 => {
                let address = ale_address {
                    ip: [input.choice(4); 16],
                    ip_bytes: if input.choice(2) == 0 { 4 } else { 16 },
                    port: input.number() & 0xffff,
                };
                let rtcp =
                    if input.choice(2) == 0 { null_mut() } else { (&raw const address).cast_mut() };
                check(ale_leg_relatch(orders, &address, rtcp));
                let mut where_to = MaybeUninit::<ale_address>::uninit();
                check(ale_leg_peer_address(orders, where_to.as_mut_ptr(), null_mut()));
            }
            11 => {
                let mut config = MaybeUninit::<ale_leg_config>::uninit();
                let size = size_of::<ale_leg_config>();
                check(ale_leg_config_init_sized(config.as_mut_ptr(), size));
                let mut config = config.assume_init();
                let codecs = [c"PCMU/8000", c"PCMA/8000", c"G722/8000", c"L16/16000"];
                let number = input.choice(4);
                config.local_ssrc = u32::from(input.choice(3));
                config.send.payload_type = number;
                config.send.encoding = codecs[usize::from(number)].as_ptr();
                config.direction = input.choice(5).into();
                config.packet_ms = 10 * u32::from(input.choice(14));
                config.telephone_event_payload_type = i32::from(input.choice(110)) - 1;
                config.telephone_event_clock_hz = input.number() & 0xffff;
                let (receiver, media) = (objects.receivers[n], objects.media[n]);
                if input.choice(3) == 0 {
                    check(ale_leg_renew(receiver, media, orders, &config));
                } else {
                    check(ale_leg_update(orders, &config));
                }
            }
            _ => drop(check(ale_leg_unlatch(orders))),
        }
    }
}
