//! Violations of RFC 6455, each closed with the code that the RFC specifies.

use crate::kit::{
    Cluster, Engine,
    engines::on_both_engines,
    raw::{RawSocket, masked},
};

on_both_engines! {
    text_of_invalid_utf_8_is_1007,
    text_cut_within_a_character_is_1007,
    unmasked_frame_is_1002,
    reserved_bits_and_opcodes_are_1002,
    long_or_fragmented_control_frames_are_1002,
    continuation_without_a_start_is_1002,
    announced_oversize_is_1009_before_the_payload,
    oversized_fragmented_message_is_1009,
    fragmented_message_is_one_message,
}

async fn text_of_invalid_utf_8_is_1007(engine: Engine) {
    check_close_code(engine, &masked(0x81, &[b'"', 0xff, 0xfe, b'"']), 1007).await;
}

async fn text_cut_within_a_character_is_1007(engine: Engine) {
    check_close_code(engine, &masked(0x81, &[b'"', 0xf0, 0x9f]), 1007).await;
}

async fn unmasked_frame_is_1002(engine: Engine) {
    check_close_code(engine, &[0x81, 2, b'{', b'}'], 1002).await;
}

async fn reserved_bits_and_opcodes_are_1002(engine: Engine) {
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x8b] {
        check_close_code(engine, &masked(first, b"{}"), 1002).await;
    }
}

async fn long_or_fragmented_control_frames_are_1002(engine: Engine) {
    let long_ping = [&[0x89, 0x80 | 126, 0, 126, 0, 0, 0, 0], [b'x'; 126].as_slice()].concat();
    check_close_code(engine, &long_ping, 1002).await;
    check_close_code(engine, &masked(0x09, b"x"), 1002).await;
}

async fn continuation_without_a_start_is_1002(engine: Engine) {
    check_close_code(engine, &masked(0x80, b"{}"), 1002).await;
}

async fn announced_oversize_is_1009_before_the_payload(engine: Engine) {
    let announced = [&[0x81, 0x80 | 127], (1_u64 << 40).to_be_bytes().as_slice(), &[0, 0, 0, 0]].concat();
    check_close_code(engine, &announced, 1009).await;
}

async fn oversized_fragmented_message_is_1009(engine: Engine) {
    let mut parts = masked(0x01, &[b' '; 125]);
    for _ in 0..(32 * 1024 / 125) {
        parts.extend(masked(0x00, &[b' '; 125]));
    }
    check_close_code(engine, &parts, 1009).await;
}

async fn fragmented_message_is_one_message(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut raw = connect(&cluster).await;
    raw.send(&[masked(0x01, br#"{"type":"#), masked(0x89, b""), masked(0x80, br#""ping"}"#)].concat()).await;
    assert_eq!(raw.next().await, Some((0xa, Vec::new())), "the ping in between is answered first");
    let (opcode, text) = raw.next().await.expect("a pong of the protocol");
    assert!(opcode == 0x1 && text.starts_with(br#"{"type":"pong","head":"#), "{text:?}");
}

async fn check_close_code(engine: Engine, bytes: &[u8], code: u16) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut raw = connect(&cluster).await;
    raw.send(bytes).await;
    assert_eq!(raw.close_code().await, Some(code), "after {:02x?}", &bytes[..bytes.len().min(16)]);
}

async fn connect(cluster: &Cluster) -> RawSocket {
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    RawSocket::connect(&sari).await
}
