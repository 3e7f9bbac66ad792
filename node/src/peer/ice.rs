// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICE-lite (RFC 8445 section 2.5): the node checks nothing itself, answers the peer's checks, and learns from them
//! where the peer is.

use core::net::SocketAddr;

use super::stun::{self, MAX_ANSWER_BYTES, Message, Password};
use crate::random;

/// Addresses of a peer that are known at a time; further ones push out the one that has rested longest.
pub(crate) const MAX_ADDRESSES: usize = 8;
/// Characters of fragments and passwords: RFC 8445 section 5.3 wants 24 and 128 bits at least.
pub(crate) const FRAGMENT_CHARACTERS: usize = 8;
const PASSWORD_CHARACTERS: usize = 24;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a side tells of itself (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Credentials {
    /// `a=ice-ufrag`.
    pub fragment: String,
    /// `a=ice-pwd`; a secret.
    pub password: String,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials").field("fragment", &self.fragment).finish_non_exhaustive()
    }
}

impl Credentials {
    /// New ones; `None` if the system has no random numbers.
    pub fn new() -> Option<Self> {
        let mut bytes = [0; FRAGMENT_CHARACTERS + PASSWORD_CHARACTERS];
        if !random::fill(&mut bytes) {
            return None;
        }
        // Six bits a character: none is likelier than another.
        let text: String = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 63)))
            .map(|character| char::from(*character))
            .collect();
        let (fragment, password) = text.split_at(FRAGMENT_CHARACTERS);
        Some(Self { fragment: fragment.to_owned(), password: password.to_owned() })
    }
}

/// One end of a media line as ICE-lite has it.
#[derive(Debug)]
pub struct Ice {
    fragment: String,
    password: Password,
    /// Of RTP and of RTCP, where it has a port of its own.
    components: [Component; 2],
}

#[derive(Debug, Default)]
struct Component {
    /// Where checks have come from, the latest first.
    known: [Option<SocketAddr>; MAX_ADDRESSES],
    /// Where media is sent.
    chosen: Option<SocketAddr>,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Bytes of the answer.
    pub answer_bytes: usize,
    /// Media goes elsewhere from now on.
    pub moved: bool,
}

impl Ice {
    /// An end that has told these credentials; `None` if they are too long.
    pub fn new(told: &Credentials) -> Option<Self> {
        let password = Password::new(&told.password)?;
        Some(Self { fragment: told.fragment.clone(), password, components: Default::default() })
    }

    /// Other credentials have been told (RFC 8445 section 9): media goes where it did until the peer nominates by
    /// them.
    pub fn restart(&mut self, told: &Credentials) {
        let Some(password) = Password::new(&told.password) else { return };
        self.fragment.clone_from(&told.fragment);
        self.password = password;
    }

    /// Whether these are the credentials that it has.
    pub fn is_of(&self, told: &Credentials) -> bool {
        self.fragment == told.fragment
    }

    /// A datagram of STUN has come on the port of RTP or RTCP: what to answer, in `out`. Nothing is answered
    /// that is not authentic, so that the port answers nobody who was not told of it.
    ///
    /// Real-time: yes.
    pub fn check(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        rtcp: bool,
        out: &mut [u8; MAX_ANSWER_BYTES],
    ) -> Option<Checked> {
        let Message::Request(request) = stun::read(datagram)? else { return None };
        if request.asked() != self.fragment.as_bytes() || !request.is_authentic(&self.password) {
            return None;
        }
        // Of two sides one controls, and that is not the one that checks nothing.
        if !request.is_understood() || request.controlled {
            let answer_bytes = request.refuse(&self.password, out);
            return Some(Checked { answer_bytes, moved: false });
        }
        let component = &mut self.components[usize::from(rtcp)];
        component.remember(from);
        // The first that comes is as good as any until the peer says which.
        let first = component.chosen.is_none();
        let moved = (first || request.nominates) && component.chosen != Some(from);
        if moved {
            component.chosen = Some(from);
        }
        let answer_bytes = request.succeed(from, &self.password, out);
        Some(Checked { answer_bytes, moved })
    }

    /// The peer's checks have come from there, at another process that this one follows.
    pub fn settle(&mut self, at: SocketAddr, rtcp: bool) {
        let component = &mut self.components[usize::from(rtcp)];
        component.remember(at);
        component.chosen = Some(at);
    }

    /// Where media is to be sent.
    ///
    /// Real-time: yes.
    pub fn address(&self, rtcp: bool) -> Option<SocketAddr> {
        self.components[usize::from(rtcp)].chosen
    }

    /// What it has told that checks are to name.
    pub(crate) fn fragment(&self) -> &str {
        &self.fragment
    }

    /// Whence checks of RTP have come, as far as they are kept.
    pub(crate) fn addresses(&self) -> [Option<SocketAddr>; MAX_ADDRESSES] {
        let [rtp, _] = &self.components;
        rtp.known
    }

    /// Whether a check has come from there: media may, too.
    ///
    /// Real-time: yes.
    pub fn knows(&self, from: SocketAddr, rtcp: bool) -> bool {
        self.components[usize::from(rtcp)].known.contains(&Some(from))
    }
}

impl Component {
    fn remember(&mut self, from: SocketAddr) {
        let known = self.known.iter().position(|known| *known == Some(from));
        let place = known.unwrap_or(MAX_ADDRESSES - 1);
        if let Some(upto) = self.known.get_mut(..=place) {
            upto.rotate_right(1);
        }
        self.known[0] = Some(from);
        // The one where media goes stays known, however many others come.
        if let Some(chosen) = self.chosen
            && !self.known.contains(&Some(chosen))
        {
            self.known[MAX_ADDRESSES - 1] = Some(chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::stun::written;

    const USERNAME: u16 = 0x0006;
    const USE_CANDIDATE: (u16, &[u8]) = (0x0025, &[]);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// What becomes of a check by these credentials.
    fn check(ice: &mut Ice, by: &Credentials, more: &[(u16, &[u8])], port: u16) -> Option<Checked> {
        let username = format!("{}:peer", by.fragment);
        let mut attributes = vec![(USERNAME, username.as_bytes())];
        attributes.extend(more);
        let datagram = written(&attributes, &by.password);
        ice.check(&datagram, address(port), false, &mut [0; MAX_ANSWER_BYTES])
    }

    #[test]
    fn media_goes_whence_the_first_check_came_until_the_peer_nominates_another() {
        let told = Credentials::new().unwrap();
        let ice = &mut Ice::new(&told).unwrap();
        assert_eq!(ice.address(false), None);
        assert!(check(ice, &told, &[], 1).unwrap().moved);
        assert!(!check(ice, &told, &[], 2).unwrap().moved);
        assert_eq!(ice.address(false), Some(address(1)));
        assert!(check(ice, &told, &[USE_CANDIDATE], 2).unwrap().moved);
        assert!(!check(ice, &told, &[USE_CANDIDATE], 2).unwrap().moved);
        assert_eq!(ice.address(false), Some(address(2)));
        assert!(ice.knows(address(1), false) && !ice.knows(address(3), false));
        assert!(ice.address(true).is_none() && !ice.knows(address(1), true));
    }

    #[test]
    fn who_has_not_been_told_is_not_answered() {
        let told = Credentials::new().unwrap();
        let ice = &mut Ice::new(&told).unwrap();
        let other = Credentials::new().unwrap();
        let fragment_only = Credentials { password: other.password.clone(), ..told.clone() };
        let password_only = Credentials { fragment: other.fragment.clone(), ..told.clone() };
        for by in [&other, &fragment_only, &password_only] {
            assert_eq!(check(ice, by, &[USE_CANDIDATE], 1), None);
        }
        assert_eq!(ice.address(false), None);
        assert!(!ice.knows(address(1), false));
    }

    #[test]
    fn a_refused_check_moves_nothing() {
        let told = Credentials::new().unwrap();
        let ice = &mut Ice::new(&told).unwrap();
        for refused in [(0x8029, &[0; 8][..]), (0x7777, &[])] {
            assert!(!check(ice, &told, &[refused, USE_CANDIDATE], 1).unwrap().moved);
        }
        assert_eq!(ice.address(false), None);
    }

    #[test]
    fn after_a_restart_media_goes_on_and_only_new_credentials_count() {
        let (told, anew) = (Credentials::new().unwrap(), Credentials::new().unwrap());
        let ice = &mut Ice::new(&told).unwrap();
        check(ice, &told, &[USE_CANDIDATE], 1).unwrap();
        ice.restart(&anew);
        assert!(ice.is_of(&anew));
        assert_eq!(check(ice, &told, &[USE_CANDIDATE], 2), None);
        assert_eq!(ice.address(false), Some(address(1)));
        assert!(check(ice, &anew, &[USE_CANDIDATE], 2).unwrap().moved);
        assert_eq!(ice.address(false), Some(address(2)));
    }

    #[test]
    fn however_many_addresses_come_few_are_kept_and_the_chosen_one_is() {
        let told = Credentials::new().unwrap();
        let ice = &mut Ice::new(&told).unwrap();
        check(ice, &told, &[USE_CANDIDATE], 1).unwrap();
        for port in 2..200 {
            check(ice, &told, &[], port).unwrap();
        }
        assert!(ice.knows(address(1), false) && ice.knows(address(199), false));
        let known = (1..200).filter(|port| ice.knows(address(*port), false)).count();
        assert_eq!(known, MAX_ADDRESSES);
    }
}
