//! A folder for one test to write to.

use std::path::{Path, PathBuf};

/// An empty folder. If the test fails, it stays for a person to look at.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder. `name` must belong to one test only.
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder under target/tmp can be made");
        Scratch(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
