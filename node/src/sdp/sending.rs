// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node's own offer of what others say: what [`rewrite`](super::rewrite()) then fills in.

use sdp_types::{Attribute, Connection, Media, Session, Time};

use super::Origin;

/// An offer of so many voices to be heard, each in a line of its own with a label (RFC 4574) that is its number.
pub fn sending(voices: usize, origin: Origin) -> Session {
    let Origin { session, version, address } = origin;
    let origin = sdp_types::Origin::with_ip_addr(session, version, address);
    let mut offer = Session::new(origin, "-");
    offer.connection = Some(Connection::from_ip_addr(address));
    offer.times.push(Time { start_time: 0, stop_time: 0, repeats: Vec::new() });
    let attribute = |name: &str, value| Attribute { attribute: name.to_owned(), value };
    let lines = (0..voices).map(|number| Media {
        media: String::from("audio"),
        port: 9,
        num_ports: None,
        proto: String::from("RTP/AVP"),
        fmt: String::new(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: vec![attribute("label", Some(number.to_string())), attribute("sendonly", None)],
    });
    offer.medias = lines.collect();
    offer
}
