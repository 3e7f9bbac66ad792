// SPDX-License-Identifier: MIT OR Apache-2.0
#![no_main]
#![allow(missing_docs, unsafe_code)] // libFuzzer's entry point

libfuzzer_sys::fuzz_target!(|data: &[u8]| ale_media_fuzz::node::failover(data));
