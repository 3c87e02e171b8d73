//! The memory of a machine that runs a kernel. Its regions note where they are written, so that they can be
//! restored, and fill each frame when it is first touched.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_watch::Isa;
use rustc_hash::FxHashMap;

use crate::EmuError;
use crate::memory::Shared;
use crate::vcpu::mixed;

/// Bytes of a frame, the unit in which regions are filled, saved and restored.
pub(crate) const FRAME: u64 = 0x1000;

/// Fills a frame when it is first touched, given its offset in the region.
pub(crate) type Fill = Box<dyn Fn(u64, &mut [u8])>;

/// A contiguous range of memory.
pub(crate) struct Region {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// Its first address, as programs use it.
    pub(crate) start: u64,
    pub(crate) memory: Rc<Shared>,
    /// The only CPU that has the region; `None` if all have it.
    pub(crate) owner: Option<u8>,
    fill: Option<Fill>,
    kept: RefCell<Kept>,
}

/// Contents of frames, by their offsets. A content is shared by all who keep it.
type Frames = FxHashMap<u64, Rc<[u8]>>;

/// The contents of all regions at one moment, as far as they were written to.
pub(crate) struct Contents(Vec<Rc<Frames>>);

/// What is known of the frames of a region, by their offsets.
#[derive(Default)]
struct Kept {
    /// The frames that have been filled.
    filled: BTreeSet<u64>,
    /// The contents of frames before they were first written to.
    before: Frames,
    /// The frames that had been written to when memory was last restored or kept, as they were then.
    last: Rc<Frames>,
    /// The frames that were written to since.
    written: BTreeSet<u64>,
    /// Whether a restore undoes writes.
    settled: bool,
}

impl Region {
    pub(crate) fn new(
        name: &'static str,
        start: u64,
        bytes: u64,
        owner: Option<u8>,
        fill: Option<Fill>,
    ) -> Result<Self, EmuError> {
        let memory = Rc::new(Shared::new(bytes.next_multiple_of(FRAME))?);
        Ok(Region { name, start, memory, owner, fill, kept: RefCell::default() })
    }

    /// Returns its address range.
    pub(crate) fn range(&self) -> Range<u64> {
        self.start..self.start + self.memory.len()
    }

    /// Prepares for an access to `bytes` bytes at `offset`: fills the frames that it touches, and saves those that
    /// it writes.
    pub(crate) fn touch(&self, offset: u64, bytes: u64, writes: bool) {
        let kept = &mut *self.kept.borrow_mut();
        let last = offset.saturating_add(bytes.saturating_sub(1)).min(self.memory.len() - 1);
        for frame in (offset / FRAME..=last / FRAME).map(|number| number * FRAME) {
            if let Some(fill) = &self.fill
                && kept.filled.insert(frame)
            {
                let mut content = self.memory.read_at(frame, FRAME);
                fill(frame, &mut content);
                self.memory.write(frame, &content);
            }
            if writes && kept.settled && kept.written.insert(frame) {
                kept.before.entry(frame).or_insert_with(|| self.memory.read_at(frame, FRAME).into());
            }
        }
    }

    pub(crate) fn read(&self, offset: u64, bytes: u64) -> Vec<u8> {
        self.touch(offset, bytes, false);
        self.memory.read_at(offset, bytes)
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        self.touch(offset, bytes.len() as u64, true);
        self.memory.write(offset, bytes);
    }

    /// Makes [`restore`](Region::restore) undo all writes from here on.
    fn settle(&self) {
        let kept = &mut *self.kept.borrow_mut();
        kept.settled = true;
        kept.before.clear();
        kept.last = Rc::default();
        kept.written.clear();
    }

    /// Returns the contents of the frames that were written to.
    fn contents(&self) -> Rc<Frames> {
        let kept = &mut *self.kept.borrow_mut();
        if !kept.written.is_empty() {
            let mut now = Frames::clone(&kept.last);
            let written = std::mem::take(&mut kept.written).into_iter();
            now.extend(written.map(|frame| (frame, self.memory.read_at(frame, FRAME).into())));
            kept.last = Rc::new(now);
        }
        Rc::clone(&kept.last)
    }

    /// Puts back contents of frames. All others become what they were before they were first written to.
    fn restore(&self, frames: &Rc<Frames>) {
        let kept = &mut *self.kept.borrow_mut();
        if kept.written.is_empty() && Rc::ptr_eq(&kept.last, frames) {
            // Most regions are not written to between two runs.
            return;
        }
        let changed: BTreeSet<u64> =
            kept.last.keys().chain(frames.keys()).chain(&kept.written).copied().collect();
        for frame in changed {
            let (wanted, last) = (frames.get(&frame), kept.last.get(&frame));
            let is_there = match (wanted, last) {
                (Some(wanted), Some(last)) => Rc::ptr_eq(wanted, last) && !kept.written.contains(&frame),
                _ => false,
            };
            if let Some(content) = wanted.or_else(|| kept.before.get(&frame)).filter(|_| !is_there) {
                self.memory.write(frame, content);
            }
        }
        kept.written.clear();
        kept.last = Rc::clone(frames);
    }

    /// Returns by what a store at `offset` changes the hash of memory, which is the exclusive or of the hashes of all
    /// bytes that were stored to.
    ///
    /// `value` is as the engine tells it: for a store that reverses bytes it is the value before. What matters is
    /// that stores of other values have other hashes.
    pub(crate) fn hash_of_store(&self, offset: u64, size: usize, order: ByteOrder, value: u64) -> u64 {
        let bytes = match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => (value << (64 - 8 * size.clamp(1, 8))).to_be_bytes(),
        };
        let of_byte = |at: u64, byte: u8| mixed(self.start.wrapping_add(at), byte.into());
        let change = |(at, byte): (u64, &u8)| {
            let before = self.memory.read(at & !7)[(at & 7) as usize];
            of_byte(at, before) ^ of_byte(at, *byte)
        };
        (offset..).zip(bytes.iter().take(size)).map(change).fold(0, |hash, change| hash ^ change)
    }

    /// Returns the frames that were written to.
    pub(crate) fn changed(&self) -> Vec<u64> {
        let kept = self.kept.borrow();
        kept.last.keys().chain(&kept.written).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns the contents of a frame before it was first written to.
    pub(crate) fn before(&self, frame: u64) -> Option<Rc<[u8]>> {
        self.kept.borrow().before.get(&frame).cloned()
    }
}

/// All regions.
#[derive(Default)]
pub(crate) struct Space {
    regions: Vec<Rc<Region>>,
}

impl Space {
    pub(crate) fn add(&mut self, region: Rc<Region>) {
        self.regions.push(region);
    }

    pub(crate) fn regions(&self) -> &[Rc<Region>] {
        &self.regions
    }

    /// Returns the region that contains an address, as programs use it, and the offset in the region. Of private
    /// regions, only those of `cpu` count.
    pub(crate) fn at(&self, address: u64, cpu: u8) -> Option<(&Rc<Region>, u64)> {
        self.regions
            .iter()
            .find(|region| region.range().contains(&address) && region.owner.is_none_or(|owner| owner == cpu))
            .map(|region| (region, address - region.start))
    }

    /// Returns the region that contains all of `bytes` bytes of a CPU's memory, and their offset in the region.
    ///
    /// # Errors
    /// [`EmuError::NoMemory`] if no region does.
    pub(crate) fn with(
        &self,
        cpu: u8,
        doing: &'static str,
        address: u64,
        bytes: u64,
    ) -> Result<(&Rc<Region>, u64), EmuError> {
        let whole = |offset: u64, region: &Region| {
            offset.checked_add(bytes).is_some_and(|end| end <= region.memory.len())
        };
        self.at(address, cpu).filter(|(region, offset)| whole(*offset, region)).ok_or(EmuError::NoMemory {
            doing,
            address,
            bytes,
        })
    }

    /// Returns the region that contains an address, as the engine sees it, and the offset in the region.
    pub(crate) fn at_physical(&self, isa: &Isa, address: u64) -> Option<(&Rc<Region>, u64)> {
        self.regions.iter().find_map(|region| {
            let start = isa.physical(region.start);
            (start..start + region.memory.len()).contains(&address).then(|| (region, address - start))
        })
    }

    pub(crate) fn settle(&self) {
        self.regions.iter().for_each(|region| region.settle());
    }

    /// Restores memory to what it was when it was settled.
    pub(crate) fn restore(&self) {
        let none = Rc::default();
        self.regions.iter().for_each(|region| region.restore(&none));
    }

    /// Returns the contents of memory.
    pub(crate) fn contents(&self) -> Contents {
        Contents(self.regions.iter().map(|region| region.contents()).collect())
    }

    /// Makes memory what it was at one moment since it was settled.
    pub(crate) fn restore_to(&self, contents: &Contents) {
        self.regions.iter().zip(&contents.0).for_each(|(region, frames)| region.restore(frames));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Blame;

    #[test]
    fn what_was_written_is_put_back() {
        let region = Region::new("test", 0x10000, 3 * FRAME, None, None).unwrap();
        region.write(0x10, &[1, 2, 3]);
        region.settle();
        region.write(FRAME - 1, &[9, 9]);
        region.write(0x10, &[7]);
        assert_eq!(region.changed(), [0, FRAME]);
        region.restore(&Rc::default());
        assert_eq!(region.read(0x10, 3), [1, 2, 3]);
        assert_eq!(region.read(FRAME - 1, 2), [0, 0]);
        assert!(region.changed().is_empty());
        region.write(0x10, &[8]);
        region.restore(&Rc::default());
        assert_eq!(region.read(0x10, 1), [1], "as often as it is needed");
    }

    #[test]
    fn the_hash_of_memory_tells_contents_apart_and_not_the_order_of_stores() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let hash_after = |stores: &[(u64, usize, u64)]| {
                let region = Region::new("test", 0x10000, FRAME, None, None).unwrap();
                stores.iter().fold(0, |hash, (offset, size, value)| {
                    let changed = region.hash_of_store(*offset, *size, order, *value);
                    let bytes = match order {
                        ByteOrder::Little => value.to_le_bytes()[..*size].to_vec(),
                        ByteOrder::Big => value.to_be_bytes()[8 - size..].to_vec(),
                    };
                    region.write(*offset, &bytes);
                    hash ^ changed
                })
            };
            let (one, other) = ((8, 8, 7), (0x101, 2, 0x1234));
            assert_eq!(hash_after(&[one, other]), hash_after(&[other, one]));
            assert_eq!(
                hash_after(&[(8, 8, 5), one]),
                hash_after(&[one]),
                "what was overwritten does not count"
            );
            assert_eq!(hash_after(&[one, (8, 8, 0)]), 0, "as before");
            let unlike = [
                hash_after(&[one]),
                hash_after(&[(8, 8, 6)]),
                hash_after(&[(16, 8, 7)]),
                hash_after(&[other]),
            ];
            assert_eq!(unlike.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        }
    }

    #[test]
    fn memory_becomes_what_it_was_at_any_moment() {
        let region = Region::new("test", 0x10000, 4 * FRAME, None, None).unwrap();
        region.settle();
        let mut moments = Vec::new();
        for value in 1..=6 {
            region.write(u64::from(value % 3) * FRAME, &[value]);
            moments.push((region.contents(), region.memory.read_at(0, 4 * FRAME)));
        }
        region.write(3 * FRAME, &[9]);
        for at in [0, 5, 2, 2, 4, 1] {
            let (frames, content) = &moments[at];
            region.restore(frames);
            assert_eq!(region.memory.read_at(0, 4 * FRAME), *content, "moment {at}");
            region.write(FRAME * (at as u64 % 4), &[0xff]);
        }
        region.restore(&Rc::default());
        assert_eq!(region.memory.read_at(0, 4 * FRAME), vec![0; 4 * FRAME as usize]);
        assert!(region.changed().is_empty());
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let mut space = Space::default();
        space.add(Rc::new(Region::new("test", 0x10000, FRAME, Some(1), None).unwrap()));
        let end = 0x10000 + space.regions()[0].memory.len();
        assert!(space.with(1, "read", end - 8, 8).is_ok());
        for (cpu, address) in [(1, end - 7), (1, 0xffff), (0, 0x10000), (1, u64::MAX)] {
            let refused = space.with(cpu, "read", address, 8).err().unwrap();
            assert!(
                matches!(refused, EmuError::NoMemory { .. }) && refused.blame() == Blame::Memory,
                "{refused}"
            );
        }
    }

    #[test]
    fn a_frame_is_made_when_it_is_first_touched_and_keeps_what_it_was() {
        let fill: Fill = Box::new(|frame, bytes| bytes.fill(u8::try_from(frame / FRAME).unwrap() + 1));
        let region = Region::new("test", 0, 2 * FRAME, None, Some(fill)).unwrap();
        region.settle();
        region.write(FRAME, &[7, 7]);
        region.restore(&Rc::default());
        assert_eq!(region.read(FRAME, 3), [2, 2, 2]);
        assert_eq!(region.read(0, 1), [1]);
    }
}
