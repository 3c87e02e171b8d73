//! A screenshot reduced to a coarse picture in characters, which is compared with one that a person approved.
//!
//! A cell tells how much ink it has, and of which tint. If a font differs a little, ink moves by one cell at
//! most, which is tolerated. If a layout breaks, the ink is somewhere else altogether.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use png::{ColorType, Decoder};

/// The width and height of a cell, in pixels.
const CELL: usize = 20;

/// A screenshot as lines of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    dark: bool,
    cells: Vec<Vec<char>>,
}

impl Picture {
    /// Reduces a PNG file to a picture.
    pub fn of(png: &[u8]) -> Self {
        let mut reader = Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let width = match info.color_type {
            ColorType::Rgb => 3,
            ColorType::Rgba => 4,
            other => panic!("a screenshot is not {other:?}"),
        };
        let pixels: Vec<[i32; 3]> =
            bytes.chunks_exact(width).map(|p| [p[0].into(), p[1].into(), p[2].into()]).collect();
        let line = info.width as usize;
        let rows = (0..info.height as usize / CELL).map(|y| {
            (0..line / CELL)
                .map(|x| {
                    let at = |n: usize| pixels[(y * CELL + n / CELL) * line + x * CELL + n % CELL];
                    character(pixels[0], (0..CELL * CELL).map(at))
                })
                .collect()
        });
        Picture { dark: pixels[0].iter().sum::<i32>() < 3 * 128, cells: rows.collect() }
    }

    /// Whether the text is light and its background dark.
    pub fn is_dark(&self) -> bool {
        self.dark
    }

    /// Formats the picture: the background, then the lines, each ended by a margin.
    pub fn text(&self) -> String {
        let ground = if self.dark { "dark" } else { "light" };
        self.cells.iter().fold(format!("{ground}\n"), |mut text, line| {
            let _ = writeln!(text, "{}|", line.iter().collect::<String>());
            text
        })
    }

    fn from_text(text: &str) -> Self {
        let (ground, cells) = text.split_once('\n').unwrap_or_default();
        let cells = cells.lines().map(|line| line.strip_suffix('|').unwrap_or(line).chars().collect());
        Picture { dark: ground == "dark", cells: cells.collect() }
    }

    /// Returns how much of the content of either picture is missing in the other, at its place or beside it: 0
    /// is nothing, 1 everything.
    pub fn difference(&self, other: &Picture) -> f64 {
        if self.dark != other.dark {
            return 1.0;
        }
        let (one, most) = self.missing_in(other);
        let (two, all) = other.missing_in(self);
        f64::from(one + two) / f64::from((most + all).max(1))
    }

    /// Counts the cells with content that the other picture lacks, and all cells with content.
    fn missing_in(&self, other: &Picture) -> (u32, u32) {
        let (mut missing, mut all) = (0, 0);
        for (y, line) in self.cells.iter().enumerate() {
            for (x, cell) in line.iter().enumerate().filter(|(_, cell)| **cell != ' ') {
                all += 1;
                missing += u32::from(!other.has_near(*cell, x, y));
            }
        }
        (missing, all)
    }

    fn has_near(&self, cell: char, x: usize, y: usize) -> bool {
        let lines = self.cells.iter().skip(y.saturating_sub(1)).take(if y == 0 { 2 } else { 3 });
        lines
            .flat_map(|line| line.iter().skip(x.saturating_sub(1)).take(if x == 0 { 2 } else { 3 }))
            .any(|near| *near == cell)
    }
}

/// Returns the character of a cell: its tint if it has one, or else its ink.
fn character(paper: [i32; 3], pixels: impl Iterator<Item = [i32; 3]>) -> char {
    let (mut ink, mut sum) = (0, [0; 3]);
    for pixel in pixels {
        ink += i32::from((0..3).any(|c| (pixel[c] - paper[c]).abs() > 40));
        (0..3).for_each(|c| sum[c] += pixel[c] - paper[c]);
    }
    let [red, green, blue] = sum.map(|sum| sum / (CELL * CELL) as i32);
    match ink * 100 / (CELL * CELL) as i32 {
        _ if red - green > 7 && red - blue > 7 => 'r',
        _ if green - red > 5 && green - blue > 0 => 'g',
        _ if red - blue > 20 && green - blue > 15 => 'y',
        0..=1 => ' ',
        2..=9 => '.',
        10..=29 => ':',
        _ => '#',
    }
}

/// Returns the picture that a screenshot should be like, by its name. Writes it anew if `UPDATE_GOLDEN` is 1.
pub fn golden(name: &str, now: &Picture) -> Picture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/page/golden/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|set| set == "1") {
        fs::write(&path, now.text()).expect("a golden file can be written");
    }
    Picture::from_text(&fs::read_to_string(&path).unwrap_or_default())
}

#[test]
fn a_picture_differs_by_what_is_elsewhere() {
    let difference = |one: &str, other: &str| Picture::from_text(one).difference(&Picture::from_text(other));
    let same = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let picture = "light\n    |\n #  |\n    |\n   r|\n";
    assert!(same(difference(picture, picture), 0.0));
    let moved_a_little = "light\n    |\n  # |\n    |\n   r|\n";
    assert!(same(difference(picture, moved_a_little), 0.0));
    let moved_far = "light\n    |\n   #|\n    |\n   r|\n";
    assert!(same(difference(picture, moved_far), 0.5));
    let half_is_missing = "light\n    |\n #  |\n    |\n    |\n";
    assert!(same(difference(picture, half_is_missing), 1.0 / 3.0));
    let other_tint = "light\n    |\n #  |\n    |\n   g|\n";
    assert!(same(difference(picture, other_tint), 0.5));
    let other_ground = picture.replace("light", "dark");
    assert!(same(difference(picture, &other_ground), 1.0));
    assert!(same(difference(picture, ""), 1.0));
}

#[test]
fn what_is_written_is_read_again() {
    let picture = Picture::from_text("dark\n #r|\n.:  |\n");
    assert_eq!(Picture::from_text(&picture.text()), picture);
}
