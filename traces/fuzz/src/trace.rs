//! Reports of runs, with their traces.

use pmdscope_traces::{RunReport, json};

use super::encoders::encode;

/// Reads bytes as the report of a run.
pub fn trace(bytes: &[u8]) -> bool {
    let Ok(run) = serde_json::from_slice::<RunReport>(bytes) else { return false };
    let text = json::pretty(&run).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<RunReport>(&text).expect("what was written can be read"), run);
    encode(&run);
    true
}
