// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which header a declaration stands in, and where: each type and constant in front of the first function
//! that speaks of it, so that a config stands beside what is made of it.

use crate::block::{Block, Kind};

/// One of the seven.
pub(crate) struct Header {
    pub(crate) file: &'static str,
    pub(crate) text: String,
    pub(crate) sections: Vec<Section>,
}

/// The functions of one heading.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// Names and texts in the order of the header.
    pub(crate) declarations: Vec<(Kind, String, String)>,
}

/// A heading, and the beginnings of the names below it.
type Heading = (&'static str, &'static [&'static str]);

const FILES: [(&str, &str, &[Heading]); 7] = [
    (
        "ale_media.h",
        MEDIA,
        &[
            ("Library", &["ale_version", "ale_status_message"]),
            ("Memory", &["ale_allocator_", "ale_set_allocator"]),
            (
                "Legs: made, changed, ended",
                &[
                    "ale_leg_config_",
                    "ale_leg_create",
                    "ale_leg_memory_required",
                    "ale_leg_receiver_destroy",
                    "ale_leg_media_destroy",
                    "ale_leg_control_destroy",
                    "ale_leg_update",
                    "ale_leg_renew",
                    "ale_leg_rekey",
                    "ale_leg_change_ssrc",
                ],
            ),
            (
                "Legs: the network thread",
                &["ale_leg_receive", "ale_leg_remote_address", "ale_is_rtcp"],
            ),
            (
                "Legs: the audio thread",
                &[
                    "ale_leg_sample_rate_hz",
                    "ale_leg_pull",
                    "ale_jitter_operation",
                    "ale_leg_push",
                    "ale_leg_poll_transmit",
                    "ale_leg_goodbye",
                    "ale_leg_passed",
                    "ale_leg_arrival_histogram",
                    "ale_leg_black_box",
                    "ale_leg_relay",
                ],
            ),
            ("Legs: any thread", &["ale_leg_", "ale_jitter_counters"]),
        ],
    ),
    (
        "ale_audio.h",
        AUDIO,
        &[
            ("Codecs in session descriptions", &["ale_codec_"]),
            ("Codecs of the host", &["ale_host_codec_"]),
            ("Tones and digits in the audio", &["ale_tones_"]),
            ("Resampler", &["ale_resampler_"]),
            ("Near end: echo, noise and gain", &["ale_voice_"]),
            ("Endpoint: a phone's lines and its device's two clocks", &["ale_endpoint_"]),
            ("Other packet times", &["ale_repacketizer_"]),
        ],
    ),
    (
        "ale_conference.h",
        CONFERENCE,
        &[
            (
                "Conferences: made, ended",
                &[
                    "ale_conference_config_",
                    "ale_conference_create",
                    "ale_conference_memory_required",
                    "ale_conference_destroy",
                ],
            ),
            (
                "Conferences: any thread",
                &[
                    "ale_join_options_",
                    "ale_conference_join",
                    "ale_conference_leave",
                    "ale_conference_reclaim",
                    "ale_conference_set_",
                    "ale_conference_tag",
                    "ale_conference_next_dominant_speaker",
                    "ale_conference_stats",
                ],
            ),
            (
                "Conferences: the audio thread",
                &["ale_conference_tick", "ale_conference_next_datagram"],
            ),
            ("Links between conferences, and to the host", &["ale_link_"]),
            ("One conference over several threads", &["ale_partial_sums_", "ale_conference_"]),
        ],
    ),
    ("ale_jitter.h", JITTER, &[("Jitter buffer", &["ale_jitter_"])]),
    (
        "ale_tap.h",
        TAP,
        &[
            ("Consent", &["ale_grant_", "ale_member_"]),
            ("Taps", &["ale_tap_"]),
            ("Talking back", &["ale_talk_"]),
        ],
    ),
    ("ale_mixer.h", MIXER, &[("Mixer", &["ale_mixer_"])]),
    (
        "ale_srtp.h",
        SRTP,
        &[
            ("Crypto lines", &["ale_srtp_crypto_"]),
            ("Keys from DTLS", &["ale_srtp_dtls_"]),
            ("Cryptography of the host", &["ale_srtp_backend_"]),
            (
                "Checkpoints, for a second machine that takes over",
                &["ale_srtp_checkpoint", "ale_srtp_confirm_", "ale_srtp_restore"],
            ),
            ("SRTP sessions", &["ale_srtp_"]),
        ],
    ),
];

const MEDIA: &str = " * libale_media: a real-time voice media engine.
 *
 * Generated from ffi/src by `make header`; not to be edited. With this header come its
 * companions, ale_conference.h, ale_audio.h, ale_srtp.h, ale_tap.h, ale_jitter.h and ale_mixer.h, and with
 * each of them this one.
 *
 * A call
 *   ale_leg_config c;
 *   ale_leg_config_init_sized(&c, sizeof c);
 *   c.local_ssrc = random32();                   // from the host, as RFC 3550 wants it
 *   c.send.encoding = \"PCMA/8000\";
 *   c.send.payload_type = 8;
 *   c.send_crypto = our_crypto_line;             // a=crypto of the offer and the answer
 *   c.receive_crypto = their_crypto_line;
 *   ale_leg_create(&c, &receiver, &media, &control);
 *   network thread, for each datagram:           ale_leg_receive(receiver, bytes, n, now, NULL);
 *   audio thread, every 10 ms:                   ale_leg_pull(media, now, to_play, 80, NULL);
 *                                                ale_leg_push(media, recorded, 80);
 *     while (ale_leg_poll_transmit(media, now, &bytes, &n) == ALE_OK) send(bytes, n);
 *
 * Conventions
 *   - Functions return ALE_OK (0) or a negative ale_status; on an error no output is touched.
 *   - Objects are opaque and made by a create function from a config struct, which its init
 *     function has filled; set the members that matter to you afterwards. Say how large yours is
 *     (ale_*_init_sized): the first member, struct_size, lets programs built against an older header
 *     run with a newer library. ale_*_init fills what version 0.2 of the header has.
 *   - The receiver comes first, then inputs, then outputs. destroy(NULL) does nothing; to destroy
 *     something twice is undefined, and ends the process in debug builds of the library.
 *   - NULL and values out of range give ALE_ERR_INVALID_ARGUMENT.
 *   - An enumeration is an int32_t wherever it crosses the boundary.
 *   - Strings are UTF-8, end with a zero byte, and are copied.
 *   - PCM is 16-bit signed mono in the machine's byte order. Lengths of PCM are samples.
 *   - Times are nanoseconds on one monotonic clock of the host's, with any origin.
 *   - Levels are in -dBov (RFC 6464): 0 is the loudest, 127 is silence.
 *   - \"Real-time\" functions neither allocate, lock, block, call the system nor log.
 *   - Functions take less than 16 KiB of stack but for those that say how much.
 *   - \"Exclusive\" objects are used by one thread at a time; const ones by any number.
";
const AUDIO: &str = " * libale_media: audio beside legs: codecs, tones, a resampler, a phone's own end, packet times.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
";
const CONFERENCE: &str =
    " * libale_media: conferences of legs, links between them, and one over several threads.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
";
const JITTER: &str = " * libale_media: the jitter buffer by itself. A leg has one of its own.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
";
const TAP: &str = " * libale_media: taps: members' voices for programs that they have agreed to, and voices that programs
 * make.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
";
const MIXER: &str =
    " * libale_media: the mixer by itself, one rate, N-1. A conference has one a rate.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
";
const SRTP: &str = " * libale_media: SRTP and SRTCP by themselves. A leg has a session of its own.
 *
 * Generated from ffi/src by `make header`; not to be edited. Conventions: ale_media.h.
";

/// The seven headers.
pub(crate) fn headers(blocks: &[Block], version: &str) -> Vec<Header> {
    let mut given = vec![false; blocks.len()];
    // Whatever has a longer beginning of its name somewhere goes there.
    let heading_of = |name: &str| {
        let all = FILES.iter().enumerate().flat_map(|(file, (_, _, headings))| {
            headings.iter().enumerate().flat_map(move |(at, (_, names))| {
                names.iter().map(move |beginning| (file, at, *beginning))
            })
        });
        let fitting = all.filter(|(_, _, beginning)| name.starts_with(beginning));
        fitting.max_by_key(|(_, _, beginning)| beginning.len()).map(|(file, at, _)| (file, at))
    };
    let mut headers = Vec::new();
    for (file, (name, _, headings)) in FILES.iter().enumerate() {
        let mut sections = Vec::new();
        for (at, (title, _)) in headings.iter().enumerate() {
            let mut declarations = Vec::new();
            let here = |name: &str| heading_of(name).is_none_or(|(of, _)| of == file);
            for (n, block) in blocks.iter().enumerate() {
                if block.kind == Kind::Function && heading_of(&block.name) == Some((file, at)) {
                    give(n, blocks, &here, &mut given, &mut declarations);
                }
            }
            sections.push(Section { title, declarations });
        }
        headers.push(Header { file: name, text: String::new(), sections });
    }
    for (file, (_, head, _)) in FILES.iter().enumerate() {
        let text = text(&headers[file], head, &strangers(&headers, file), version);
        headers[file].text = text;
    }
    let missing: Vec<_> =
        blocks.iter().zip(&given).filter(|(_, given)| !**given).map(|(b, _)| &b.name).collect();
    assert!(missing.is_empty(), "no place in a header for {missing:?}");
    headers
}

/// Writes a declaration after those that it speaks of, as far as they stand in the same header: structs of
/// another are only pointed to, and its numbers are integers here.
fn give(
    at: usize,
    blocks: &[Block],
    here: &impl Fn(&str) -> bool,
    given: &mut [bool],
    into: &mut Vec<(Kind, String, String)>,
) {
    if std::mem::replace(&mut given[at], true) {
        return;
    }
    for (n, block) in blocks.iter().enumerate() {
        // A closed object's comment may speak of what is made of it.
        let closed = blocks[at].kind == Kind::Type && !blocks[at].text.contains('{');
        let wanted = block.kind != Kind::Function && here(&block.name.to_lowercase());
        if wanted && !given[n] && !closed && blocks[at].names(&block.name) {
            give(n, blocks, here, given, into);
        }
    }
    let block = &blocks[at];
    into.push((block.kind, block.name.clone(), block.text.clone()));
}

/// The structs of other companions, which may come later, that a header points to: their names are enough.
fn strangers(headers: &[Header], file: usize) -> String {
    let declarations = |header: &'_ Header| -> Vec<(Kind, String, String)> {
        header.sections.iter().flat_map(|section| section.declarations.clone()).collect()
    };
    let own = declarations(&headers[file]);
    let mut names = Vec::new();
    for (of, header) in headers.iter().enumerate().skip(1) {
        for (kind, name, _) in declarations(header) {
            let pointed_to = format!("struct {name} *");
            let is_used = || own.iter().any(|(_, _, text)| text.contains(&pointed_to));
            if of != file && kind == Kind::Type && is_used() {
                names.push(format!("struct {name};\n"));
            }
        }
    }
    names.concat()
}

fn text(header: &Header, head: &str, strangers: &str, version: &str) -> String {
    let guard = header.file.replace('.', "_").to_uppercase();
    let main = header.file == "ale_media.h";
    let mut out = format!("/* SPDX-License-Identifier: MIT OR Apache-2.0 */\n/*\n{head}");
    if header.sections.len() > 1 {
        out.push_str(" *\n * Contents\n");
        for section in &header.sections {
            out.push_str(&format!(" *   - {}\n", section.title));
        }
    }
    out.push_str(&format!(" */\n\n#ifndef {guard}\n#define {guard}\n\n"));
    if main {
        out.push_str(&preamble(version));
    } else {
        out.push_str("#include \"ale_media.h\"\n\n");
    }
    out.push_str("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    if !main && !strangers.is_empty() {
        out.push_str(&format!("/* Of other headers. */\n{strangers}\n"));
    }
    for section in &header.sections {
        out.push_str(&format!("/* ==== {} ==== */\n\n", section.title));
        for (_, _, text) in &section.declarations {
            out.push_str(text);
            out.push_str("\n\n");
        }
    }
    out.push_str("#ifdef __cplusplus\n}  /* extern \"C\" */\n#endif\n\n");
    if main {
        let companions: String =
            FILES[1..].iter().map(|(file, _, _)| format!("#include \"{file}\"\n")).collect();
        out.push_str(&format!("/* ==== The companions ==== */\n\n{companions}\n"));
    }
    out.push_str(&format!("#endif  /* {guard} */\n"));
    out
}

/// Versions and what the compiler is told.
fn preamble(version: &str) -> String {
    let mut numbers = version.split(['.', '-']).map(|n| n.parse().unwrap_or(0_u32));
    let (major, minor, patch) =
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    format!(
        "#include <stddef.h>\n#include <stdint.h>\n\n\
         /* The version of this header; ale_version says which library runs. */\n\
         #define ALE_VERSION_MAJOR {major}\n#define ALE_VERSION_MINOR {minor}\n\
         #define ALE_VERSION_PATCH {patch}\n\n\
         /* Orders versions: ALE_VERSION >= 200 is 0.2.0 or later. */\n\
         #define ALE_VERSION {}\n\n",
        major * 10_000 + minor * 100 + patch,
    )
}
