//! Reproducers with changed contents.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Returns a reproducer with this body, sealed as if it had been saved like this.
pub fn sealed(body: &Value) -> String {
    let body = format!("{}\n", serde_json::to_string_pretty(body).expect("JSON"));
    let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    let seal = json!({ "schema": "pmdscope.repro/1", "bytes": body.len(), "sha256": digest });
    format!("{seal}\n{body}")
}
