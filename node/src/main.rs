// SPDX-License-Identifier: MIT OR Apache-2.0
//! `ale-media-node`: see `node/README.md`.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use ale_media_node::config::{Config, Interface, Secret, Token};
use ale_media_node::control::Control;
use ale_media_node::ng::listen::{self, Ask, Asked, Speech};
use ale_media_node::ng::server::Server;
use ale_media_node::stream::Port;
use ale_media_node::worker::Clock;
use ale_media_node::{tls, web};
use clap::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use tracing::level_filters::LevelFilter;

/// Longest request: what a datagram can hold.
const MAX_REQUEST_BYTES: usize = 65_535;
/// How long a wait for requests takes at most: then digits are carried, and signals looked at.
const TICK: Duration = Duration::from_millis(100);

/// A media node that SIP proxies drive by the NG protocol.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Configuration in TOML; ale-media-node.toml has every setting with its default
    #[arg(long, env = "ALE_MEDIA_NODE_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port for NG, in place of the file's
    #[arg(long, env = "ALE_MEDIA_NODE_LISTEN_NG")]
    listen_ng: Option<SocketAddr>,
    /// Address for media, as [NAME/]ADDRESS[!ADVERTISED]; several in place of all of the file's
    #[arg(long, env = "ALE_MEDIA_NODE_INTERFACE", value_delimiter = ',')]
    interface: Vec<String>,
    /// Address and port for HTTP, in place of the file's
    #[arg(long, env = "ALE_MEDIA_NODE_LISTEN_HTTP")]
    listen_http: Option<SocketAddr>,
    /// What is logged, to standard error: error, warn, info, debug or trace
    #[arg(long, env = "ALE_MEDIA_NODE_LOG", default_value = "info")]
    log: LevelFilter,
    /// Takes over the calls that another process has kept in the folder of [failover]; without it they are forgotten
    #[arg(long)]
    restore: bool,
    /// Says what is wrong with the configuration, and ends
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_max_level(arguments.log)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut config = match &arguments.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            Config::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Config::default(),
    };
    if let Some(listen) = arguments.listen_ng {
        config.ng.listen = listen;
    }
    if !arguments.interface.is_empty() {
        let interfaces = arguments.interface.iter().map(|text| Interface::from_argument(text));
        config.interfaces = interfaces.collect::<Result<_, _>>()?;
    }
    if let Some(listen) = arguments.listen_http {
        config.http.listen = Some(listen);
    }
    // Not an argument: everybody on the machine sees those.
    if let Ok(token) = std::env::var("ALE_MEDIA_NODE_TOKEN") {
        config.http.token = Some(Token(token));
    }
    if let Ok(key) = std::env::var("ALE_MEDIA_NODE_FAILOVER_KEY") {
        config.failover.key = Some(Secret(key));
    }
    config.check()?;
    config.check_addresses()?;
    if arguments.check {
        println!("the configuration is fit to run");
        return Ok(());
    }
    serve(&config, arguments.restore)
}

fn serve(config: &Config, restore: bool) -> Result<(), Box<dyn Error>> {
    let signals = Signals::register()?;
    let socket = UdpSocket::bind(config.ng.listen)
        .map_err(|error| format!("NG on {}: {error}", config.ng.listen))?;
    socket.set_nonblocking(true)?;
    let clock = Clock::start();
    let mut control = Control::start(config, clock)?;
    let calls = control.take_over(restore, clock.now_ns())?;
    if restore {
        tracing::info!(calls, "taken over");
    }
    let mut server = Server::new(config.ng.allow.clone());
    let (asking, asked) = channel();
    let listeners = [(config.ng.listen_tcp, Speech::Tcp), (config.ng.listen_http, Speech::Http)];
    for (listen, speech) in listeners {
        let Some(listen) = listen else { continue };
        let tls = if config.ng.tls {
            tls::server(&config.tls, config.ng.client_authority.as_deref())?
        } else {
            None
        };
        let ask = Ask { asked: asking.clone(), bell: control.shared_bell() };
        listen::serve(Port { address: listen, tls }, speech, config.ng.allow.clone(), ask)
            .map_err(|error| format!("NG on {listen}: {error}"))?;
    }
    let (asking, questions) = channel();
    if let Some(listen) = config.http.listen {
        let tls = if config.http.tls { tls::server(&config.tls, None)? } else { None };
        let ask = web::Ask { asked: asking, bell: control.shared_bell() };
        web::serve(Port { address: listen, tls }, &config.http, ask)
            .map_err(|error| format!("HTTP on {listen}: {error}"))?;
    }
    tracing::info!(ng = %config.ng.listen, http = ?config.http.listen, "listening");
    let mut request = vec![0; MAX_REQUEST_BYTES];
    let mut answer = Vec::new();
    let (mut swept_ns, mut listened_ns) = (0, 0);
    let mut draining_since_ns = None;
    loop {
        wait(&socket, &control)?;
        control.hear();
        let received = receive(&socket, &mut request)?;
        let now_ns = clock.now_ns();
        if signals.end.load(Ordering::Relaxed) {
            let since_ns = *draining_since_ns.get_or_insert(now_ns);
            control.set_accepting(false);
            let over = now_ns - since_ns >= u64::from(config.media.drain_s) * 1_000_000_000;
            if over || control.calls() == 0 {
                return Ok(());
            }
        }
        if signals.refuse.swap(false, Ordering::Relaxed) {
            control.set_accepting(false);
        }
        if signals.accept.swap(false, Ordering::Relaxed) && draining_since_ns.is_none() {
            control.set_accepting(true);
        }
        if now_ns - listened_ns >= TICK.as_nanos() as u64 {
            listened_ns = now_ns;
            control.listen(now_ns);
        }
        if now_ns - swept_ns > 1_000_000_000 {
            swept_ns = now_ns;
            control.sweep(now_ns);
        }
        while let Ok(asked) = asked.try_recv() {
            let Asked { message, from, answer: to } = asked;
            if server.answer(&message, from, now_ns, &mut control, &mut answer) {
                // Who has gone meanwhile asks again.
                let _ = to.send(answer.clone());
            }
        }
        while let Ok(web::Asked { question, reply }) = questions.try_recv() {
            // Who has gone meanwhile is ended as one that sends nothing.
            let _ = reply.send(control.web(&question, server.stats(), now_ns));
        }
        let Some((bytes, from)) = received else { continue };
        let datagram = request.get(..bytes).unwrap_or_default();
        if server.answer(datagram, from, now_ns, &mut control, &mut answer) {
            // Who does not get it asks again.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// What signals ask for.
struct Signals {
    /// SIGTERM and SIGINT: no call begins, and the node ends with the last one. A second ends it at once.
    end: Arc<AtomicBool>,
    /// SIGUSR1: no call begins.
    refuse: Arc<AtomicBool>,
    /// SIGUSR2: calls may begin again.
    accept: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> io::Result<Self> {
        let [end, refuse, accept] = core::array::from_fn(|_| Arc::new(AtomicBool::new(false)));
        for signal in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&end))?;
            flag::register(signal, Arc::clone(&end))?;
        }
        flag::register(SIGUSR1, Arc::clone(&refuse))?;
        flag::register(SIGUSR2, Arc::clone(&accept))?;
        Ok(Self { end, refuse, accept })
    }
}

/// Waits for a request, for what workers have to tell, or for the tick.
fn wait(socket: &UdpSocket, control: &Control) -> io::Result<()> {
    let bell = control.bell();
    let mut ready = [PollFd::new(socket, PollFlags::IN), PollFd::new(&bell, PollFlags::IN)];
    let tick = Timespec { tv_sec: 0, tv_nsec: TICK.as_nanos() as i64 };
    match poll(&mut ready, Some(&tick)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The next request, or nothing for now.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    match socket.recv_from(buffer) {
        Ok(received) => Ok(Some(received)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(None),
            // About an answer that was sent to where nobody listens any more.
            ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}
