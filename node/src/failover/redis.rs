// SPDX-License-Identifier: MIT OR Apache-2.0
//! Records in Redis, which is reached over the network, may be gone for a while, and gives one owner no more than
//! its word.
//!
//! A lease is no lock: a process that stood still, or was cut off, believes that it owns the records still. So each
//! process that begins takes the owner's place and raises the epoch, in Redis itself, and each write is compared with
//! that in the script that does it. A process that has lost its place is told so by its next write.
//!
//! The number of the connection is compared, too: what a connection that was given up had sent may come behind what
//! the next one has written.

use core::fmt::Write as _;
use core::time::Duration;
use std::time::Instant;

use redis::{
    Client, Cmd, Connection, ConnectionLike as _, ErrorKind, FromRedisValue, RedisError,
    ServerErrorKind,
};

use super::store::{Failure, Store, StoreError};
use super::{MAGIC, MAX_RECORD_BYTES};
use crate::config;
use crate::random;

/// Most records that are read: a Redis may hold what nobody has written.
const MAX_RECORDS: usize = 65_536;
/// Longest record with what it begins with.
const MAX_SEALED_BYTES: usize = MAX_RECORD_BYTES + MAGIC.len() + 1;
/// How long a Redis that failed is left alone: who waits for it does nothing else meanwhile.
const PAUSE: Duration = Duration::from_millis(500);
/// After the last record of any call all of them are forgotten. No call outlives this: each is written again every
/// `interval_ms`, which begins it anew.
const EXPIRY_MS: u64 = 24 * 3_600 * 1_000;

/// Takes the place of the owner: the epoch after the one before.
const CLAIM: &str = "\
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'connection', ARGV[2])
return {1, epoch}";
/// Another connection of the owner's takes the place of the ones before.
const CONNECT: &str = "\
local own = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'connection')
if not own[2] then return {2, 0} end
local later = tonumber(own[3]) < tonumber(ARGV[2])
if own[2] ~= ARGV[1] or not later then return {0, tonumber(own[1])} end
redis.call('HSET', KEYS[1], 'connection', ARGV[2])
return {1, tonumber(own[1])}";
/// Keeps a record.
const PUT: &str = "\
local own = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'connection')
if not own[2] then return {2, 0} end
if own[2] ~= ARGV[1] or own[3] ~= ARGV[2] then return {0, tonumber(own[1])} end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {1, tonumber(own[1])}";
/// Keeps a record no more.
const REMOVE: &str = "\
local own = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'connection')
if not own[2] then return {2, 0} end
if own[2] ~= ARGV[1] or own[3] ~= ARGV[2] then return {0, tonumber(own[1])} end
redis.call('HDEL', KEYS[2], ARGV[3])
return {1, tonumber(own[1])}";

/// Records in a hash of Redis, and who owns them in another.
pub struct Redis {
    client: Client,
    connection: Option<Connection>,
    /// When it may be tried again, and what it failed by.
    again: Option<(Instant, Failure)>,
    /// Who owns the records, and the records; of one slot, where there are slots.
    keys: [String; 2],
    /// This process among all that there were.
    owner: String,
    /// The epoch of its ownership.
    epoch: u64,
    /// Connections there were.
    connections: u64,
    /// Whether another has taken its place: for good.
    fenced: bool,
    replicas: u8,
    timeout: Duration,
}

impl core::fmt::Debug for Redis {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Redis").field("keys", &self.keys).field("epoch", &self.epoch).finish()
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        let failure = match error.kind() {
            _ if error.is_timeout() => Failure::Slow,
            ErrorKind::Io => Failure::Gone,
            // It reads from its disk still, or another has taken its place: who takes writes is elsewhere or not there.
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
            ) => Failure::Gone,
            _ => Failure::Refused,
        };
        Self::new(failure, error)
    }
}

/// Whether a URL is one of Redis, as this store is told where it is.
pub(crate) fn is_url(url: &str) -> bool {
    Client::open(url).is_ok()
}

impl Redis {
    /// Takes the place of who owned the records of an instance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(settings: &config::Redis) -> Result<Self, StoreError> {
        let mut number = [0; 16];
        if !random::fill(&mut number) {
            return Err(StoreError::new(Failure::Refused, "the system has no random numbers"));
        }
        let owner = number.iter().fold(String::new(), |mut owner, byte| {
            // Writing to a String does not fail.
            let _ = write!(owner, "{byte:02x}");
            owner
        });
        let keys = ["owner", "calls"].map(|what| format!("ale:{{{}}}:{what}", settings.instance));
        let mut store = Self {
            client: Client::open(&settings.url.0[..])?,
            connection: None,
            again: None,
            keys,
            owner,
            epoch: 0,
            connections: 0,
            fenced: false,
            replicas: settings.replicas,
            timeout: Duration::from_millis(settings.timeout_ms.into()),
        };
        store.write(CLAIM, &[])?;
        Ok(store)
    }

    /// The epoch of this process's ownership.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Does something over a connection. One on which something failed is given up, with what it may still have sent,
    /// unless it was an answer.
    fn try_once<T>(
        &mut self,
        ask: impl FnOnce(&mut Self, &mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.fenced {
            return Err(StoreError::new(Failure::Fenced, "another process has taken over"));
        }
        if let Some((_, failure)) = self.again.filter(|(again, _)| Instant::now() < *again) {
            return Err(StoreError::new(failure, "a moment ago"));
        }
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.connect(),
        };
        let done = connection.and_then(|mut connection| {
            let done = ask(self, &mut connection);
            let refused =
                done.as_ref().err().is_some_and(|error| error.failure == Failure::Refused);
            self.connection =
                Some(connection).filter(|one| done.is_ok() || (refused && one.is_open()));
            done
        });
        self.again = None;
        if let Err(error) = &done {
            self.fenced = error.failure == Failure::Fenced;
            if self.connection.is_none() {
                self.again = Some((Instant::now() + PAUSE, error.failure));
            }
        }
        done
    }

    fn connect(&mut self) -> Result<Connection, StoreError> {
        let mut connection = self.client.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        self.connections += 1;
        // The first one claims.
        if self.epoch > 0 {
            self.run(&mut connection, CONNECT, &[])?;
        }
        Ok(connection)
    }

    /// Runs a script in which this process says who it is.
    fn write(&mut self, script: &str, arguments: &[&[u8]]) -> Result<(), StoreError> {
        self.try_once(|store, connection| store.run(connection, script, arguments))
    }

    fn run(
        &mut self,
        connection: &mut Connection,
        script: &str,
        arguments: &[&[u8]],
    ) -> Result<(), StoreError> {
        let mut eval = Cmd::new();
        eval.arg("EVAL").arg(script).arg(self.keys.len()).arg(&self.keys);
        eval.arg(&self.owner).arg(self.connections);
        arguments.iter().for_each(|argument| {
            eval.arg(*argument);
        });
        let (own, epoch): (u8, u64) = eval.query(connection)?;
        match own {
            1 => {}
            // Nobody knows who had it meanwhile. It is not ours for being nobody's.
            2 => return Err(StoreError::new(Failure::Refused, "it has lost whose records it has")),
            _ => {
                let ours = self.epoch;
                let said = format_args!("epoch {epoch} is another's; {ours} was ours");
                return Err(StoreError::new(Failure::Fenced, said));
            }
        }
        self.epoch = epoch;
        if self.replicas == 0 {
            return Ok(());
        }
        // Of 0 ms would be for ever.
        let wait_ms = (self.timeout.as_millis() / 2).max(1) as u64;
        let wait = redis::cmd("WAIT").arg(self.replicas).arg(wait_ms).to_owned();
        let acknowledged: u64 = wait.query(connection)?;
        if acknowledged < u64::from(self.replicas) {
            return Err(StoreError::new(
                Failure::Unconfirmed,
                format_args!("{acknowledged} of {} replicas have it", self.replicas),
            ));
        }
        Ok(())
    }

    fn ask<T: FromRedisValue>(
        &mut self,
        command: &str,
        name: Option<&str>,
    ) -> Result<T, StoreError> {
        self.try_once(|store, connection| {
            let mut asked = redis::cmd(command);
            asked.arg(&store.keys[1]).arg(name);
            Ok(asked.query(connection)?)
        })
    }
}

impl Store for Redis {
    fn put(&mut self, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        self.write(PUT, &[name.as_bytes(), sealed, EXPIRY_MS.to_string().as_bytes()])
    }

    fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.write(REMOVE, &[name.as_bytes()])
    }

    fn all(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let records: usize = self.ask("HLEN", None)?;
        if records > MAX_RECORDS {
            return Err(StoreError::new(Failure::Refused, "more records than may be"));
        }
        let names: Vec<String> = self.ask("HKEYS", None)?;
        let mut all = Vec::new();
        for name in names.into_iter().take(MAX_RECORDS) {
            let bytes: usize = self.ask("HSTRLEN", Some(&name))?;
            // What is too long to be a record is refused as what is none.
            let sealed =
                if bytes > MAX_SEALED_BYTES { Vec::new() } else { self.ask("HGET", Some(&name))? };
            all.push((name, sealed));
        }
        Ok(all)
    }
}
