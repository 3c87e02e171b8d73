//! A strict reader of KTAP version 1, by the rules of Documentation/dev-tools/ktap.rst of Linux 6.12.
//!
//! It accepts less than the rules allow: every line must be of a known kind, and each test must have a plan.

/// A test and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub passed: bool,
    pub name: String,
    pub directive: Option<String>,
    /// The text after the directive.
    pub data: String,
    /// The diagnostic lines before the result, without their `#` sign.
    pub diagnostics: Vec<String>,
    pub subtests: Vec<Test>,
}

const DIRECTIVES: [&str; 5] = ["SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR"];

/// Reads the tests of a whole text.
pub fn read(text: &str) -> Result<Vec<Test>, String> {
    let body = text.strip_suffix('\n').ok_or("the last line does not end")?;
    if let Some(c) = body.chars().find(|c| c.is_control() && *c != '\n') {
        return Err(format!("control character {c:?}"));
    }
    // The rules allow diagnostic lines anywhere after the first two lines. Here those about the whole follow
    // these lines directly.
    let of_whole =
        body.lines().skip(2).take_while(|line| line.starts_with("# ") && !is_of_test(line)).count();
    let rest =
        body.split('\n').enumerate().filter(|(n, _)| !(2..2 + of_whole).contains(n)).map(|(_, line)| line);
    let mut lines = Lines { lines: rest.collect(), next: 0 };
    let tests = tests(&mut lines, 0)?;
    match lines.peek() {
        Some(line) => Err(format!("after the last test of the plan: {line:?}")),
        None => Ok(tests),
    }
}

/// Whether a diagnostic line at the top level is about a line of the list, which is a test.
fn is_of_test(line: &str) -> bool {
    line.starts_with("# it matches rows")
}

struct Lines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.next).copied()
    }

    /// Returns the next line, without the indentation of its level.
    fn take(&mut self, level: usize) -> Result<&'a str, String> {
        let line = self.peek().ok_or("the text ends before the plan is fulfilled")?;
        self.next += 1;
        line.strip_prefix(&"  ".repeat(level)).ok_or(format!("not indented {level} times: {line:?}"))
    }
}

/// Reads a version line, a plan, and as many tests as planned.
fn tests(lines: &mut Lines<'_>, level: usize) -> Result<Vec<Test>, String> {
    let version = lines.take(level)?;
    if version != "KTAP version 1" {
        return Err(format!("not a version line: {version:?}"));
    }
    let plan = lines.take(level)?;
    let planned = plan.strip_prefix("1..").ok_or(format!("not a plan: {plan:?}"))?;
    let planned: usize = planned.parse().map_err(|_| format!("not a plan: {plan:?}"))?;
    (1..=planned).map(|number| test(lines, level, number)).collect()
}

fn test(lines: &mut Lines<'_>, level: usize, number: usize) -> Result<Test, String> {
    let deeper = format!("{}KTAP version ", "  ".repeat(level + 1));
    let subtests = match lines.peek() {
        Some(line) if line.starts_with(&deeper) => tests(lines, level + 1)?,
        _ => Vec::new(),
    };
    let mut diagnostics = Vec::new();
    let result = loop {
        let line = lines.take(level)?;
        match line.strip_prefix("# ") {
            Some(diagnostic) => diagnostics.push(diagnostic.to_owned()),
            None => break line,
        }
    };
    let test = Test { diagnostics, subtests, ..point(result, number)? };
    let failed = test.subtests.iter().any(|subtest| !subtest.passed);
    if !test.subtests.is_empty() && test.passed == failed {
        return Err(format!("{result:?} is not what its subtests say"));
    }
    Ok(test)
}

/// Parses `<result> <number> <description>[ # [<directive>] [<data>]]`.
fn point(line: &str, number: usize) -> Result<Test, String> {
    let wrong = || format!("not the result of test {number}: {line:?}");
    let (passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ").ok_or_else(wrong)?),
    };
    let rest = rest.strip_prefix(&format!("{number} ")).ok_or_else(wrong)?;
    let (name, said) = rest.split_once(" # ").unwrap_or((rest, ""));
    if name.contains('#') {
        return Err(format!("a hash sign in a description: {line:?}"));
    }
    let (word, data) = said.split_once(' ').unwrap_or((said, ""));
    let directive = DIRECTIVES.contains(&word).then(|| word.to_owned());
    let data = if directive.is_some() { data } else { said };
    match directive.as_deref() {
        Some("ERROR" | "TIMEOUT") if passed => return Err(format!("ok, with an error: {line:?}")),
        Some("SKIP" | "XFAIL") if !passed => {
            return Err(format!("not ok, though nothing is wrong: {line:?}"));
        }
        _ => {}
    }
    let (name, data) = (name.to_owned(), data.to_owned());
    Ok(Test { passed, name, directive, data, diagnostics: Vec::new(), subtests: Vec::new() })
}
