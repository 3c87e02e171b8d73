//! What a CPU does, as a tree over the values that it reads.
//!
//! Between two accesses to shared memory a CPU depends on nothing but the values it has read so far. So
//! its code is run once for each distinct sequence of values, and the trees keep what it does next.
//! Schedules are then enumerated over the trees, without running anything.

use std::fmt;
use std::hash::Hash;

/// One 64-bit word of the shared memory, by its place among the words that are shared.
pub type Word = usize;

/// What a store puts into a word: the bits under the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskedStore {
    /// The bits that are stored.
    pub mask: u64,
    /// Their values; 0 outside of the mask.
    pub value: u64,
}

impl MaskedStore {
    /// A store of a whole word.
    pub const fn whole(value: u64) -> Self {
        MaskedStore { mask: u64::MAX, value }
    }

    /// What it makes of a word.
    pub const fn over(self, word: u64) -> u64 {
        word & !self.mask | self.value
    }
}

/// What a CPU does from one read to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<E> {
    /// What the last read stored, if it is the load half of an atomic that stores.
    pub stored: Option<MaskedStore>,
    /// The plain stores that follow, in order.
    pub stores: Vec<(Word, MaskedStore)>,
    /// The read that follows, or the end.
    pub then: NextAccess<E>,
    /// The addresses of the instructions of these stores, and of the read after them.
    ///
    /// Only where they are known: they are kept to be compared.
    pub code: Vec<u64>,
    /// The CPU's state at the read that follows: position, registers, own memory.
    ///
    /// With shared memory, this is all that the CPU depends on. A CPU that reaches a read twice in one state, and has
    /// stored nothing to shared memory meanwhile, waits for a word that it has read to change. Empty if the state is
    /// not known: then the CPU is never taken to wait.
    pub state: Vec<u64>,
}

/// Where a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAccess<E> {
    /// A load, or the load half of an atomic.
    Read(Word),
    /// The routine is over.
    End(E),
}

/// The CPUs of a machine, as the enumeration sees them: given the values of all reads that one has made
/// so far, what does it do next? The answer must depend on nothing else.
pub trait Cpus {
    /// The result of a routine.
    type End: Clone + Eq + Hash + fmt::Debug;
    /// Why it cannot be run.
    type Error;

    /// How many there are.
    fn count(&self) -> usize;

    /// What a word of shared memory holds before anything has run.
    fn initially(&self, word: Word) -> u64;

    /// Runs one CPU from the beginning, with these values for its first reads, up to the read after
    /// them.
    ///
    /// # Errors
    /// If it cannot be run.
    fn follow(&mut self, cpu: usize, read: &[u64]) -> Result<Segment<Self::End>, Self::Error>;
}

/// A place in a tree.
pub(crate) type NodeId = u32;

/// What a CPU does next.
#[derive(Debug)]
pub(crate) enum Node<E> {
    /// It reads, and what follows depends on the value.
    Read(Read),
    /// It stores.
    Store { word: Word, pc: u64, written: MaskedStore, next: NodeId },
    /// It is over.
    End(E),
}

/// A read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) word: Word,
    pub(crate) pc: u64,
    /// What all reads before it returned.
    path: Box<[u64]>,
    /// The last of these.
    before: Option<NodeId>,
    /// What the CPU depends on here; see [`Segment::state`].
    state: Box<[u64]>,
    /// How often it has stored to shared memory by then, but for atomics that stored what was there.
    stores: usize,
    /// What was read since the CPU was last in this state, if it was: as long as these words hold these values, it
    /// reads them over and over.
    pub(crate) waits_while: Box<[(Word, u64)]>,
    children: Vec<Child>,
}

/// What follows a read that returned a value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child {
    value: u64,
    pub(crate) stored: Option<MaskedStore>,
    pub(crate) next: NodeId,
}

/// The trees of all CPUs of a machine, filled as far as they were asked for.
pub struct Forest<C: Cpus> {
    cpus: C,
    nodes: Vec<Node<C::End>>,
    roots: Vec<NodeId>,
    runs: u64,
}

impl<C: Cpus> Forest<C> {
    /// The trees of CPUs that have not read anything yet.
    ///
    /// # Errors
    /// If a CPU cannot be run.
    pub fn new(cpus: C) -> Result<Self, C::Error> {
        let mut forest = Forest { cpus, nodes: Vec::new(), roots: Vec::new(), runs: 0 };
        for cpu in 0..forest.cpus.count() {
            let root = forest.grow(cpu, None, &[])?.next;
            forest.roots.push(root);
        }
        Ok(forest)
    }

    /// How often a CPU was run to fill the trees.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// The CPUs, to use them for something else.
    pub fn cpus(&mut self) -> &mut C {
        &mut self.cpus
    }

    pub(crate) fn roots(&self) -> &[NodeId] {
        &self.roots
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node<C::End> {
        &self.nodes[id as usize]
    }

    pub(crate) fn initially(&self, word: Word) -> u64 {
        self.cpus.initially(word)
    }

    /// What follows if the read at `id` returns `value`.
    #[inline]
    pub(crate) fn after_read(&mut self, cpu: usize, id: NodeId, value: u64) -> Result<Child, C::Error> {
        if let Node::Read(Read { children, .. }) = &self.nodes[id as usize]
            && let Some(known) = children.iter().find(|child| child.value == value)
        {
            return Ok(*known);
        }
        self.grow_after(cpu, id, value)
    }

    #[cold]
    fn grow_after(&mut self, cpu: usize, id: NodeId, value: u64) -> Result<Child, C::Error> {
        let mut read = match &self.nodes[id as usize] {
            Node::Read(Read { path, .. }) => path.to_vec(),
            Node::Store { .. } | Node::End(_) => Vec::new(),
        };
        read.push(value);
        let child = self.grow(cpu, Some(id), &read)?;
        if let Node::Read(Read { children, .. }) = &mut self.nodes[id as usize] {
            children.push(child);
        }
        Ok(child)
    }

    /// Runs a CPU, and adds the segment after the last of these values, which the read `before` returned.
    fn grow(&mut self, cpu: usize, before: Option<NodeId>, read: &[u64]) -> Result<Child, C::Error> {
        let segment = self.cpus.follow(cpu, read)?;
        self.runs += 1;
        let pc = |n: usize| segment.code.get(n).copied().unwrap_or(0);
        let mut next = self.add(match segment.then {
            NextAccess::Read(word) => {
                let stores = self.stores_by(before, read, &segment);
                Node::Read(Read {
                    word,
                    pc: pc(segment.stores.len()),
                    path: read.into(),
                    before,
                    waits_while: self.read_since(before, read, stores, &segment.state),
                    state: segment.state.into(),
                    stores,
                    children: Vec::new(),
                })
            }
            NextAccess::End(end) => Node::End(end),
        });
        for (n, (word, written)) in segment.stores.iter().enumerate().rev() {
            next = self.add(Node::Store { word: *word, pc: pc(n), written: *written, next });
        }
        Ok(Child { value: read.last().copied().unwrap_or(0), stored: segment.stored, next })
    }

    /// How often a CPU has stored by the end of a segment.
    fn stores_by(&self, before: Option<NodeId>, read: &[u64], segment: &Segment<C::End>) -> usize {
        let earlier = match before.map(|id| self.node(id)) {
            Some(Node::Read(read)) => read.stores,
            _ => 0,
        };
        let changes = |written: MaskedStore| read.last().is_some_and(|value| written.over(*value) != *value);
        earlier + segment.stores.len() + usize::from(segment.stored.is_some_and(changes))
    }

    /// What was read since a CPU was in this state with as many stores, given the reads that it made.
    fn read_since(
        &self,
        mut before: Option<NodeId>,
        read: &[u64],
        stores: usize,
        now: &[u64],
    ) -> Box<[(Word, u64)]> {
        let mut since: Vec<(Word, u64)> = Vec::new();
        for value in read.iter().rev() {
            let Some(Node::Read(at)) = before.map(|id| self.node(id)).filter(|_| !now.is_empty()) else {
                break;
            };
            if at.stores != stores {
                break;
            }
            match since.iter().find(|(known, _)| *known == at.word) {
                None => since.push((at.word, *value)),
                Some((_, known)) if known == value => {}
                // It changed meanwhile: if nothing does from here on, the same is read next time round.
                Some(_) => break,
            }
            if *at.state == *now {
                return since.into();
            }
            before = at.before;
        }
        Box::default()
    }

    fn add(&mut self, node: Node<C::End>) -> NodeId {
        self.nodes.push(node);
        NodeId::try_from(self.nodes.len() - 1).expect("a tree of 2^32 nodes does not fit into memory")
    }
}
