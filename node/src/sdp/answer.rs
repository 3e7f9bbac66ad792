// SPDX-License-Identifier: MIT OR Apache-2.0
//! The node's own answer to an offer, where it is the peer: what [`rewrite`](super::rewrite()) then fills in.

use core::net::IpAddr;

use super::extensions::Extensions;
use sdp_types::{Attribute, Connection, Media, Session};

use super::video::direction;

/// What stands in `o=` of all descriptions of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The session's number.
    pub session: u32,
    /// Goes up with each description that says something else.
    pub version: u64,
    /// The node's address.
    pub address: IpAddr,
}

/// The answer to an offer of which the node takes the line of number `chosen`, as `sends` and `receives` say of
/// the node, with these header extensions. The other lines are refused.
pub fn answering(
    offer: &Session,
    chosen: usize,
    sends: bool,
    receives: bool,
    extensions: Extensions,
    origin: Origin,
) -> Session {
    let Origin { session, version, address } = origin;
    let origin = sdp_types::Origin::with_ip_addr(session, version, address);
    let mut answer = Session::new(origin, "-");
    answer.connection = Some(Connection::from_ip_addr(address));
    answer.times.clone_from(&offer.times);
    let direction = direction(sends, receives);
    let lines = offer.medias.iter().enumerate();
    let lines = lines.map(|(n, asked)| Media {
        media: asked.media.clone(),
        port: 0,
        num_ports: None,
        proto: asked.proto.clone(),
        fmt: asked.fmt.clone(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: if n == chosen {
            let direction = Attribute { attribute: direction.to_owned(), value: None };
            core::iter::once(direction).chain(extensions.attributes()).collect()
        } else {
            // Browsers know their lines by name, also those that are refused.
            asked.attributes.iter().filter(|said| said.attribute == "mid").cloned().collect()
        },
    });
    answer.medias = lines.collect();
    answer
}

/// Asks the peer of a line for packets of so many ms, if any length is to be asked for (`a=ptime`, RFC 8866 section 6.4).
pub fn ask_for_packets(answer: &mut Session, number: usize, packet_ms: Option<u16>) {
    if let (Some(media), Some(ms)) = (answer.medias.get_mut(number), packet_ms) {
        media
            .attributes
            .push(Attribute { attribute: "ptime".to_owned(), value: Some(ms.to_string()) });
    }
}
