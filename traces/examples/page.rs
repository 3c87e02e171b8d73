//! Writes the page of a comparison: `page COMPARE.json [RUN.json...]`, as `compare` and `run` write them with
//! `--format json`. Rows of the comparison take their traces from the runs of the same command.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Write};

use pmdscope_traces::{CompareReport, RunReport, html};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = std::env::args_os().skip(1);
    let compare = files.next().ok_or("page COMPARE.json [RUN.json...]")?;
    let mut report: CompareReport = serde_json::from_reader(BufReader::new(File::open(compare)?))?;
    for file in files {
        let run: RunReport = serde_json::from_reader(BufReader::new(File::open(file)?))?;
        if let Some(row) = report.rows.iter_mut().find(|row| row.command == run.command) {
            *row = run;
        }
    }
    Ok(std::io::stdout().write_all(html::compare(&report).as_bytes())?)
}
