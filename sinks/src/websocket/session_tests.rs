// SPDX-License-Identifier: MIT OR Apache-2.0
use ale_media::talk::{Talk, TalkConfig, TalkEnd};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TWILIO: Dialect = Dialect::Twilio(Encoding::Pcmu);

/// A session whose voice can be listened to, at 8 kHz.
fn session(dialect: Dialect, preamble: Option<&str>) -> (Session, TalkEnd) {
    let mut talk = TalkConfig::default();
    (talk.sample_rate_hz, talk.member_rate_hz) = (8_000, 8_000);
    (talk.capacity_ms, talk.high_water_ms, talk.low_water_ms) = (1_000, 500, 100);
    let (voice, end) = Talk::new(&talk).unwrap();
    let mut config = SessionConfig::new(dialect, 8_000, "one");
    config.preamble = preamble.map(str::to_owned);
    let mut session = Session::new(config, Some(voice));
    session.connect();
    while session.next_message().is_some() {}
    (session, end)
}

/// What the server has been sent since the last time.
fn sent(session: &mut Session) -> Vec<Value> {
    session.look();
    let text = |message| match message {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        Message::Binary(bytes) => json!(bytes.len()),
    };
    std::iter::from_fn(|| session.next_message()).map(text).collect()
}

/// 10 ms of the voice.
fn heard(end: &mut TalkEnd) -> [i16; 80] {
    let mut pcm = [0; 80];
    end.pull(&mut pcm);
    pcm
}

fn say(session: &mut Session, command: &str) {
    session.hear_text(&json!({ "command": command, "correlation_id": "i" }).to_string()).unwrap();
}

proptest! {
    #[test]
    fn bytes_in_pieces_of_any_length_are_the_samples_that_they_are_in_one(
        samples in prop::collection::vec(any::<i16>(), 1..400), piece in 1_usize..50,
    ) {
        let (mut session, mut end) = session(Dialect::Binary, None);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for piece in bytes.chunks(piece) {
            session.hear_binary(piece).unwrap();
        }
        prop_assert_eq!(session.samples(), samples.len() as u64);
        let mut pcm = vec![0; samples.len()];
        end.pull(&mut pcm);
        prop_assert_eq!(pcm, samples);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC*", word in "[a-zA-Z_]*", name in "\\PC*") {
        for dialect in [Dialect::Binary, TWILIO] {
            let (mut session, _end) = session(dialect, None);
            let _ = session.hear_text(&text);
            for key in ["command", "type", "event"] {
                let _ = session.hear_text(&json!({ key: word, "data": name }).to_string());
            }
        }
    }
}

#[test]
fn a_frame_that_stays_alone_is_filled_up_with_silence() {
    let (mut session, _end) = session(Dialect::Binary, None);
    session.frame(0, &[1; 80]);
    assert_eq!(session.next_message(), None);
    session.frame(50_000_000, &[2; 80]);
    session.frame(60_000_000, &[3; 80]);
    let bytes = |pcm: [i16; 2]| Message::Binary(to_bytes(&pcm.map(|sample| [sample; 80]).concat()));
    assert_eq!(session.next_message(), Some(bytes([1, 0])));
    assert_eq!(session.next_message(), Some(bytes([2, 3])));
    session.frame(70_000_000, &[4; 80]);
    session.end();
    assert_eq!((session.next_message(), session.next_message()), (Some(bytes([4, 0])), None));
}

#[test]
fn asterisks_marks_are_told_when_heard_and_forgotten_when_flushed() {
    let (mut session, mut end) = session(Dialect::Binary, None);
    session.hear_binary(&[1; 320]).unwrap();
    say(&mut session, "MARK_MEDIA");
    session.hear_text(r#"{"command":"STOP_MEDIA_BUFFERING"}"#).unwrap();
    heard(&mut end);
    assert_eq!(sent(&mut session), [] as [Value; 0]);
    heard(&mut end);
    heard(&mut end);
    let told = [
        json!({ "event": "MEDIA_MARK_PROCESSED", "correlation_id": "i" }),
        json!({ "event": "MEDIA_BUFFERING_COMPLETED" }),
    ];
    assert_eq!(sent(&mut session), told);
    session.hear_binary(&[1; 640]).unwrap();
    say(&mut session, "MARK_MEDIA");
    say(&mut session, "PAUSE_MEDIA");
    assert_eq!(heard(&mut end), [0; 80]);
    say(&mut session, "FLUSH_MEDIA");
    for _ in 0..10 {
        heard(&mut end);
    }
    assert_eq!(sent(&mut session), [] as [Value; 0]);
    // The pause is over with the flush.
    session.hear_binary(&[3; 160]).unwrap();
    assert_eq!(heard(&mut end), [0x0303; 80]);
}

#[test]
fn others_are_told_of_flushed_marks_too() {
    let (mut fork, _end) = session(Dialect::Binary, Some("{}"));
    let mark = r#"{"type":"mark","data":{"name":"n"}}"#;
    fork.hear_binary(&[1; 320]).unwrap();
    fork.hear_text(mark).unwrap();
    fork.hear_text(r#"{"type":"killAudio"}"#).unwrap();
    let cleared = json!({ "type": "mark", "data": { "name": "n", "event": "cleared" } });
    assert_eq!(sent(&mut fork), std::slice::from_ref(&cleared));
    // Without their sound.
    fork.hear_text(mark).unwrap();
    fork.hear_text(r#"{"type":"clearMarks"}"#).unwrap();
    assert_eq!(sent(&mut fork), [cleared]);
    let content = r#"{"type":"playAudio","data":{"audioContentType":"raw","sampleRate":RATE,"audioContent":"AQIDBA=="}}"#;
    fork.hear_text(&content.replace("RATE", "8000")).unwrap();
    assert_eq!((fork.samples(), fork.refused()), (162, 0));
    fork.hear_text(&content.replace("RATE", "16000")).unwrap();
    assert_eq!((fork.samples(), fork.refused()), (162, 2), "another rate");

    let (mut twilio, mut end) = session(TWILIO, None);
    twilio.hear_text(r#"{"event":"media","media":{"payload":"gID/"}}"#).unwrap();
    twilio.hear_text(r#"{"event":"mark","mark":{"name":"n"}}"#).unwrap();
    // ITU-T G.711, table 2a.
    assert_eq!(heard(&mut end)[..4], [32_124, 32_124, 0, 0]);
    heard(&mut end);
    let told = sent(&mut twilio);
    assert_eq!((told.len(), &told[0]["mark"]["name"]), (1, &json!("n")));
}

#[test]
fn a_server_that_is_ahead_is_told_to_wait_and_to_go_on() {
    let (mut session, mut end) = session(Dialect::Binary, None);
    for _ in 0..6 {
        session.hear_binary(&[1; 1_600]).unwrap();
    }
    say(&mut session, "REPORT_QUEUE_DRAINED");
    assert_eq!(sent(&mut session), [json!({ "event": "MEDIA_XOFF" })], "once");
    // What does not fit is refused as a whole.
    session.hear_binary(&[1; 16_000]).unwrap();
    assert_eq!(session.refused(), 8_000);
    let mut told = Vec::new();
    for tick in 1..=70 {
        heard(&mut end);
        told.extend(sent(&mut session).into_iter().map(|event| (tick, event["event"].clone())));
    }
    // 600 ms, of which less than 100 wait after 51 ticks.
    assert_eq!(told, [(51, json!("MEDIA_XON")), (60, json!("QUEUE_DRAINED"))]);
    say(&mut session, "REPORT_QUEUE_DRAINED");
    assert_eq!(sent(&mut session), [json!({ "event": "QUEUE_DRAINED" })], "nothing waits");
}

#[test]
fn a_connection_knows_nothing_of_the_one_before() {
    let (mut session, mut end) = session(Dialect::Binary, None);
    session.hear_binary(&[1; 321]).unwrap();
    say(&mut session, "MARK_MEDIA");
    say(&mut session, "REPORT_QUEUE_DRAINED");
    session.connect();
    assert_eq!(sent(&mut session)[0]["event"], "MEDIA_START");
    for _ in 0..3 {
        heard(&mut end);
    }
    assert_eq!(sent(&mut session), [] as [Value; 0]);
    session.hear_binary(&[7; 160]).unwrap();
    assert_eq!(heard(&mut end), [0x0707; 80], "half a sample of the old one is not in it");
}

#[test]
fn what_is_not_of_the_dialect_is_refused_and_what_is_new_passed_over() {
    let long = "n".repeat(MAX_NAME_BYTES + 1);
    let malformed = [
        (Dialect::Binary, "FLUSH_MEDIA"),
        (Dialect::Binary, "{}"),
        (Dialect::Binary, r#"{"event":"media"}"#),
        (Dialect::Binary, r#"{"command":7}"#),
        (Dialect::Binary, r#"{"type":"mark"}"#),
        (Dialect::Binary, r#"{"type":"mark","data":{"name":7}}"#),
        (Dialect::Binary, r#"{"type":"playAudio","data":{"audioContentType":"raw"}}"#),
        (Dialect::Binary, &format!(r#"{{"command":"MARK_MEDIA","correlation_id":"{long}"}}"#)),
        (Dialect::Binary, &format!(r#"{{"type":"mark","data":{{"name":"{long}"}}}}"#)),
        (Dialect::Binary, &"[".repeat(100_000)),
        (TWILIO, r#"{"event":"media"}"#),
        (TWILIO, r#"{"event":"media","media":{"payload":"***"}}"#),
        (TWILIO, r#"{"event":"mark","mark":{}}"#),
        (TWILIO, r#"{"command":"FLUSH_MEDIA"}"#),
        (TWILIO, &format!(r#"{{"event":"mark","mark":{{"name":"{long}"}}}}"#)),
    ];
    for (dialect, text) in malformed {
        let (mut session, _end) = session(dialect, None);
        assert_eq!(session.hear_text(text), Err(Refused::Malformed), "{text:.60}");
        assert_eq!(session.refused(), 1);
    }
    for (dialect, text, refused) in [
        (Dialect::Binary, r#"{"command":"START_MEDIA_BUFFERING"}"#, 0),
        (Dialect::Binary, r#"{"command":"NEW"}"#, 1),
        (Dialect::Binary, r#"{"type":"transcription"}"#, 1),
        (TWILIO, r#"{"event":"new","new":{}}"#, 1),
    ] {
        let (mut session, _end) = session(dialect, None);
        assert_eq!(session.hear_text(text), Ok(()));
        assert_eq!(session.refused(), refused, "{text}");
        assert_eq!(sent(&mut session), [] as [Value; 0]);
    }
    let (mut twilio, _end) = session(TWILIO, None);
    assert_eq!(twilio.hear_binary(&[0; 2]), Err(Refused::Malformed));
    assert_eq!(twilio.hear_text(r#"{"event":"stop"}"#), Err(Refused::HangUp));
}

/// Words that tell the same of marks, and differ in what becomes of the voice.
#[test]
fn a_flush_takes_the_voice_back_and_forgotten_marks_leave_it() {
    let fork = (Dialect::Binary, Some("{}"));
    for ((dialect, preamble), word, is_heard) in [
        ((Dialect::Binary, None), r#"{"command":"FLUSH_MEDIA"}"#, false),
        (fork, r#"{"type":"killAudio"}"#, false),
        (fork, r#"{"type":"clearMarks"}"#, true),
        ((TWILIO, None), r#"{"event":"clear"}"#, false),
    ] {
        let (mut session, mut end) = session(dialect, preamble);
        let half_a_second =
            format!(r#"{{"event":"media","media":{{"payload":"{}gA=="}}}}"#, "gICA".repeat(1_333));
        match dialect {
            Dialect::Binary => session.hear_binary(&[7; 8_000]).unwrap(),
            _ => session.hear_text(&half_a_second).unwrap(),
        }
        assert_ne!(heard(&mut end), [0; 80]);
        session.hear_text(word).unwrap();
        // Over the fade.
        for _ in 0..10 {
            heard(&mut end);
        }
        assert_eq!(heard(&mut end) != [0; 80], is_heard, "{word}");
    }
}

#[test]
fn a_voice_that_was_held_goes_on_when_it_is_told_to_and_with_another_connection() {
    for goes_on in ["CONTINUE_MEDIA", ""] {
        let (mut session, mut end) = session(Dialect::Binary, None);
        let words: Vec<u8> = (1..=240_i16).flat_map(i16::to_le_bytes).collect();
        session.hear_binary(&words).unwrap();
        assert_eq!(heard(&mut end)[0], 1);
        say(&mut session, "PAUSE_MEDIA");
        assert_eq!(heard(&mut end), [0; 80]);
        match goes_on {
            "" => session.connect(),
            command => say(&mut session, command),
        }
        assert_eq!(heard(&mut end)[..2], [81, 82], "where it was");
    }
}

#[test]
fn half_a_sample_goes_with_what_is_flushed() {
    let (mut session, mut end) = session(Dialect::Binary, None);
    session.hear_binary(&[1]).unwrap();
    say(&mut session, "FLUSH_MEDIA");
    session.hear_binary(&[7; 160]).unwrap();
    assert_eq!(heard(&mut end), [0x0707; 80]);
}

#[test]
fn each_connection_is_told_that_too_much_waits() {
    let (mut session, _end) = session(Dialect::Binary, None);
    session.hear_binary(&[1; 9_600]).unwrap();
    assert_eq!(sent(&mut session), [json!({ "event": "MEDIA_XOFF" })]);
    session.connect();
    session.hear_binary(&[1; 2]).unwrap();
    let told = sent(&mut session);
    assert_eq!((told.len(), &told[1]), (2, &json!({ "event": "MEDIA_XOFF" })), "{told:?}");
}

#[test]
fn servers_of_each_kind_hang_up_by_their_own_word() {
    for (dialect, word) in [
        (Dialect::Binary, r#"{"command":"HANGUP"}"#),
        (Dialect::Binary, r#"{"type":"disconnect"}"#),
        (TWILIO, r#"{"event":"stop"}"#),
    ] {
        let (mut session, _end) = session(dialect, None);
        assert_eq!(session.hear_text(word), Err(Refused::HangUp), "{word}");
    }
}

#[test]
fn sound_is_what_its_message_and_dialect_say_and_no_other() {
    let (mut twilio, mut end) = session(Dialect::Twilio(Encoding::L16), None);
    twilio.hear_text(r#"{"event":"media","media":{"payload":"AQIDBA=="}}"#).unwrap();
    assert_eq!(heard(&mut end)[..3], [0x0201, 0x0403, 0]);
    let play = |kind: &str, rate: &str| {
        let data = r#"{"audioContentType":"KIND","sampleRate":RATE,"audioContent":"AQIDBA=="}"#;
        let data = data.replace("KIND", kind).replace("RATE", rate);
        let (mut fork, _end) = session(Dialect::Binary, Some("{}"));
        let taken = fork.hear_text(&format!(r#"{{"type":"playAudio","data":{data}}}"#));
        (taken, fork.samples(), fork.refused())
    };
    assert_eq!(play("raw", "8000"), (Ok(()), 2, 0));
    assert_eq!(play("wav", "8000"), (Ok(()), 0, 1), "passed over");
    // 2^32 and 8000: no rate is cut to one that there is.
    for rate in ["4294975296", "-8000", "8000.5", "\"8000\""] {
        assert_eq!(play("raw", rate), (Err(Refused::Malformed), 0, 1), "{rate}");
    }
}

#[test]
fn a_server_that_asks_and_does_not_read_is_left() {
    let (mut session, _end) = session(Dialect::Binary, None);
    let asks = || session.hear_text(r#"{"command":"GET_STATUS"}"#);
    let answered = std::iter::repeat_with(asks).take_while(Result::is_ok).count();
    assert_eq!(answered, WAITING);
    // Marks that nobody hears are bounded as well.
    let (mut session, _end) = self::session(Dialect::Binary, None);
    for _ in 0..MARKS + 3 {
        say(&mut session, "MARK_MEDIA");
    }
    assert_eq!((session.marks.len(), session.refused()), (MARKS, 3));
}
