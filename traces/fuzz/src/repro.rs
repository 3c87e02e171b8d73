//! Reproducers.

use pmdscope_traces::kunit;
use pmdscope_traces::repro::{
    Recipients, Repro, bug_report, first_difference, inconclusive, reproduced, show,
};
use sha2::{Digest, Sha256};

use super::encoders::encode;
use super::plain::{assert_one_line, assert_plain};

/// Reads bytes as a reproducer: as they are, and as the body of one, with a seal that fits. No bytes made up at random
/// have one.
pub fn repro(bytes: &[u8]) -> bool {
    let files = [bytes.to_vec(), sealed(bytes)];
    let read = files.iter().find_map(|file| match Repro::of_bytes(file) {
        Ok(repro) => Some(repro),
        Err(error) => {
            assert_one_line(&error.to_string());
            None
        }
    });
    read.iter().for_each(use_it);
    read.is_some()
}

/// These bytes behind the first line of a reproducer.
fn sealed(body: &[u8]) -> Vec<u8> {
    let sha256: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let seal =
        serde_json::json!({"schema": "pmdscope.repro/1", "bytes": body.len(), "sha256": sha256}).to_string();
    [seal.as_bytes(), b"\n", body].concat()
}

fn use_it(repro: &Repro) {
    let text = repro.to_text().expect("what was read can be written");
    let again = Repro::of_bytes(text.as_bytes()).expect("what was written can be read");
    assert_eq!(*repro, again);
    assert_plain(&show(repro));
    let _ = bug_report(repro, "x.repro", &Recipients::default());
    let _ = kunit::test(&repro.report, &repro.expected);
    reproduced(repro);
    inconclusive(repro, "a reason");
    assert_eq!(first_difference(&repro.expected, &again.expected), None);
    encode(&repro.report);
}
