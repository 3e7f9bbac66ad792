// SPDX-License-Identifier: MIT OR Apache-2.0
//! The softphone by a sound card, which is PulseAudio's with a FIFO for a loudspeaker and one for a microphone, and
//! a room between them whose clocks are not each other's. A phone far away sends clicks, and has to hear them come
//! back at their spacing. `make devices-test`; needs pulseaudio, and ALSA's plugin for it.
#![cfg(feature = "devices")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const DEVICE_HZ: f64 = 48_000.0;
/// How much faster the microphone's clock is than the loudspeaker's.
const PPM: f64 = 300.0;
/// From loudspeaker to microphone, in samples: what a busy machine may be late by.
const AIR: f64 = 4_800.0;
const PHONE_HZ: usize = 16_000;
const SECONDS: usize = 14;

/// Ends what it has begun.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("devices");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("its rights");
    folder
}

/// Programs that use the sound server in `folder`, and nothing else of this machine's.
fn beside(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("XDG_RUNTIME_DIR", folder).env("HOME", folder);
    command.env("PULSE_SERVER", format!("unix:{}", folder.join("sound").display()));
    command.env("PULSE_SINK", "loudspeaker").env("PULSE_SOURCE", "microphone");
    command.stdin(Stdio::null());
    command
}

fn sound_server(folder: &Path) -> Ends {
    let socket = folder.join("sound");
    let fifo = |name: &str| folder.join(name).display().to_string();
    let form = "format=s16le rate=48000 channels=1";
    let mut command = beside("pulseaudio", folder);
    command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]);
    for module in [
        format!("module-native-protocol-unix socket={} auth-anonymous=1", socket.display()),
        format!(
            "module-pipe-sink sink_name=loudspeaker file={} {form} use_system_clock_for_timing=no",
            fifo("loudspeaker")
        ),
        format!("module-pipe-source source_name=microphone file={} {form}", fifo("microphone")),
    ] {
        command.arg("-L").arg(module);
    }
    let server = Ends(command.stderr(Stdio::null()).spawn().expect("pulseaudio"));
    let began = Instant::now();
    while !(socket.exists() && folder.join("microphone").exists()) {
        assert!(began.elapsed() < Duration::from_secs(10), "the sound server does not come up");
        thread::sleep(Duration::from_millis(20));
    }
    server
}

/// Plays what the loudspeaker is given to the microphone, by two clocks, until told to end.
fn room(folder: PathBuf, ends: Arc<AtomicBool>) {
    use std::os::unix::fs::OpenOptionsExt;
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut loudspeaker = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(folder.join("loudspeaker"))
        .expect("its FIFO");
    let mut microphone: File =
        OpenOptions::new().write(true).open(folder.join("microphone")).expect("its FIFO");
    let (mut played, mut heard): (Vec<f64>, usize) = (Vec::new(), 0);
    let (began, mut taken) = (Instant::now(), 0);
    while !ends.load(Ordering::Relaxed) {
        let elapsed = began.elapsed().as_secs_f64();
        let due = (elapsed * DEVICE_HZ) as usize - taken;
        taken += due;
        let mut bytes = vec![0; 2 * due];
        // What is not there in time is silence.
        let count = loudspeaker.read(&mut bytes).unwrap_or(0) / 2 * 2;
        bytes[count..].fill(0);
        played
            .extend(bytes.chunks(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))));
        let due = (elapsed * DEVICE_HZ * (1.0 + PPM * 1e-6)) as usize;
        let mut out = Vec::new();
        while heard < due {
            let at = (heard as f64 / (1.0 + PPM * 1e-6) - AIR).max(0.0);
            let (whole, part) = (at as usize, at.fract());
            let sample = |n: usize| played.get(n).copied().unwrap_or(0.0);
            let value = sample(whole) * (1.0 - part) + sample(whole + 1) * part;
            out.extend_from_slice(&((value * 0.7) as i16).to_le_bytes());
            heard += 1;
        }
        if microphone.write_all(&out).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(4));
    }
}

/// A click a second.
fn clicks() -> Vec<i16> {
    let mut pcm = vec![0; PHONE_HZ * SECONDS];
    for second in pcm.chunks_mut(PHONE_HZ) {
        for (n, sample) in second.iter_mut().take(16).enumerate() {
            *sample = (20_000.0 * (1.2 * n as f64).sin()) as i16;
        }
    }
    pcm
}

/// Where clicks begin: what is loud, and was not within the last half second.
fn beginnings(pcm: &[i16]) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for (n, sample) in pcm.iter().enumerate() {
        let is_new = found.last().is_none_or(|last| n > last + PHONE_HZ / 2);
        if sample.unsigned_abs() > 2_500 && is_new {
            found.push(n);
        }
    }
    found
}

fn free_port() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("its address").to_string()
}

/// How far apart the clicks are that come back, in samples.
fn spacing(folder: &Path) -> Vec<usize> {
    let _server = sound_server(folder);
    let ends = Arc::new(AtomicBool::new(false));
    let of_room = (folder.to_owned(), Arc::clone(&ends));
    let room = thread::spawn(move || room(of_room.0, of_room.1));

    let (near, far) = (free_port(), free_port());
    let mut softphone = beside(env!("CARGO_BIN_EXE_softphone"), folder);
    softphone.args(["--local", &near, "--remote", &far, "--device", "--headset", "--quiet"]);
    softphone.args(["--seconds", &(SECONDS + 2).to_string()]);
    let softphone = Ends(softphone.stdout(Stdio::null()).spawn().expect("softphone"));

    let (said, heard) = (folder.join("said.wav"), folder.join("heard.wav"));
    examples::speech::write_wav(&said, PHONE_HZ as u32, &clicks()).expect("clicks");
    let done = Command::new(env!("CARGO_BIN_EXE_phone"))
        .args(["--local", &far, "--remote", &near, "--codec", "96=L16/16000", "--send"])
        .arg(&said)
        .arg("--receive")
        .arg(&heard)
        .args(["--duration", &SECONDS.to_string()])
        .output()
        .expect("phone");
    assert!(done.status.success(), "{done:?}");
    drop(softphone);
    ends.store(true, Ordering::Relaxed);
    room.join().expect("the room");

    let pcm = examples::speech::read_wav(&heard, PHONE_HZ as u32).expect("what was heard");
    beginnings(&pcm).windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Whether most clicks came back, and all but three within 2.5 ms of a second apart: the endpoint is up to 2000 ppm
/// faster or slower until as much waits as is wanted, which is 32 samples; a device that runs dry moves one or two
/// clicks by more.
fn is_kept(spacing: &[usize]) -> bool {
    let near = spacing.iter().filter(|apart| apart.abs_diff(PHONE_HZ) <= 40).count();
    spacing.len() + 1 >= SECONDS / 2 && near + 3 >= spacing.len()
}

/// By real clocks, as devices are: a machine that stands still for a tenth of a second is heard as what it is, so
/// one of three calls has to do. A wrong rate, or a delay that creeps, fails in all of them.
#[test]
fn clicks_come_back_at_their_spacing() {
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let spacing = spacing(&folder());
        println!("clicks begin {spacing:?} samples apart");
        if is_kept(&spacing) {
            return;
        }
        heard.push(spacing);
    }
    panic!("not {PHONE_HZ} apart in any of three calls: {heard:?}");
}
