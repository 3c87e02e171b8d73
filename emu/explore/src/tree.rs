//! A CPU's behaviour as a tree over the values it reads.
//!
//! Between two accesses to shared memory a CPU depends on nothing but the values it has read so far. So
//! its code is run once for each distinct sequence of values, and the trees keep what it does next.
//! Schedules are then enumerated over the trees, without running anything.
//!
//! Two things make runs fewer. A run may go on past the read that was asked for, with what is in memory, and the trees
//! keep all of it. And reads that have the same future, whatever was read before, are one place of the tree: a loop
//! that looks at a word a thousand times has two thousand places if the word changes once, and not a million.

use std::fmt;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::fingerprint::Fingerprint;
use crate::sections::Span;

/// A 64-bit word of the shared memory, by its index among the shared words.
pub type Word = usize;

/// A store to some bits of a word: those under the mask.
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

    /// Returns `word` with the store applied.
    pub const fn over(self, word: u64) -> u64 {
        word & !self.mask | self.value
    }
}

/// A CPU's accesses from one read to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<E> {
    /// The store half of the last read, if that read belongs to an atomic that stores.
    pub stored: Option<MaskedStore>,
    /// The plain stores that follow, in order.
    pub stores: Vec<(Word, MaskedStore)>,
    /// The read that follows, or the end.
    pub then: NextAccess<E>,
    /// The addresses of the instructions of these stores, and of the read after them; empty if they are not known.
    ///
    /// They do not influence the enumeration: [`Forest::accesses`] reports them.
    pub code: Vec<u64>,
    /// What the CPU does before each of these stores, and before the read after them; empty if it is in no section and
    /// waits for none.
    pub spans: Vec<Span>,
    /// The CPU's state at the read that follows: position, registers, own memory.
    ///
    /// Besides shared memory, the CPU depends on nothing else. A CPU that reaches a read twice in one state, and
    /// has stored nothing to shared memory meanwhile, waits for a word that it has read to change. `None` if the
    /// state is not known: then the CPU never counts as waiting.
    pub state: Option<Fingerprint>,
    /// All that the CPU's future depends on at the read that follows, besides shared memory, and all of its past that
    /// matters for its end; `None` if that is not known.
    ///
    /// Two reads of a CPU with equal identities are one, whatever values led to them. An identity must hold the number
    /// of reads before it, so that no CPU comes back to one.
    pub identity: Option<Fingerprint>,
}

/// What a CPU does after some reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation<E> {
    /// Its accesses up to the next read, or to its end.
    pub segment: Segment<E>,
    /// Further segments, each with the value of the read before it: a run that went on with these values. May be
    /// empty: each segment is asked for when it is needed and not known.
    pub further: Vec<(u64, Segment<E>)>,
}

impl<E> From<Segment<E>> for Continuation<E> {
    fn from(segment: Segment<E>) -> Self {
        Continuation { segment, further: Vec::new() }
    }
}

/// Where a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAccess<E> {
    /// A load, or the load half of an atomic.
    Read(Word),
    /// The end of the routine.
    End(E),
}

/// The CPUs of a machine, as the enumeration sees them.
///
/// A CPU's next accesses depend on nothing but the values of all reads that it has made so far.
pub trait Cpus {
    /// The result of a routine.
    type End: Clone + Eq + Hash + fmt::Debug;
    /// The reason why a CPU cannot be run.
    type Error;

    /// The number of CPUs.
    fn count(&self) -> usize;

    /// Returns the value of a word of shared memory before anything has run.
    fn initially(&self, word: Word) -> u64;

    /// Runs one CPU from the beginning, with these values for its first reads, up to the read after them, or
    /// further.
    ///
    /// `memory` has the values of words when the last of these reads is made; words that it lacks have their initial
    /// values. A run that goes on with these does what the CPU does if no other moves from there on.
    ///
    /// # Errors
    /// If the CPU cannot be run.
    fn follow(
        &mut self,
        cpu: usize,
        read: &[u64],
        memory: &[u64],
    ) -> Result<Continuation<Self::End>, Self::Error>;
}

/// The index of a node in [`Forest`].
pub(crate) type NodeId = u32;

/// A CPU's next step.
#[derive(Debug)]
pub(crate) enum Node<E> {
    /// The CPU reads, and what follows depends on the value.
    Read(Read),
    /// The CPU stores. `span` is what it does after that.
    Store { word: Word, pc: u64, written: MaskedStore, next: NodeId, span: Span },
    /// The CPU has ended.
    End(E),
}

/// A read, with the continuation for each value it returned.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) word: Word,
    pub(crate) pc: u64,
    /// The last of the reads before it, and the value that this returned.
    before: Option<(NodeId, u64)>,
    /// The number of reads before it.
    depth: u32,
    /// One of the reads before it, or itself if there are none: such that from any read, few steps by this and
    /// `before` lead to each of those before it.
    far_before: NodeId,
    /// The number of the CPU's earlier stores to shared memory, without atomics that stored the value they had
    /// read.
    stores: usize,
    /// The words that the CPU read since it was last in this state, with their values; empty if it was never in
    /// it. As long as these words hold these values, the CPU repeats these reads for ever.
    pub(crate) waits_while: Box<[(Word, u64)]>,
    children: Vec<Child>,
}

/// The continuation after a read that returned a particular value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Child {
    value: u64,
    pub(crate) stored: Option<MaskedStore>,
    pub(crate) next: NodeId,
    /// What the CPU does after the read.
    pub(crate) span: Span,
}

/// The trees of all CPUs of a machine, filled as far as the enumeration needs them.
pub struct Forest<C: Cpus> {
    cpus: C,
    nodes: Vec<Node<C::End>>,
    roots: Vec<NodeId>,
    /// What each CPU does before its first access.
    begun: Vec<Span>,
    runs: u64,
    /// Reads by CPU and identity.
    known: FxHashMap<(usize, Fingerprint), NodeId>,
    /// Reads by CPU and state.
    in_state: FxHashMap<(usize, Fingerprint), SmallVec<[NodeId; 2]>>,
}

impl<C: Cpus> Forest<C> {
    /// Makes the trees of CPUs that have not read anything yet.
    ///
    /// # Errors
    /// If a CPU cannot be run.
    pub fn new(cpus: C) -> Result<Self, C::Error> {
        let mut forest = Forest {
            cpus,
            nodes: Vec::new(),
            roots: Vec::new(),
            begun: Vec::new(),
            runs: 0,
            known: FxHashMap::default(),
            in_state: FxHashMap::default(),
        };
        for cpu in 0..forest.cpus.count() {
            let root = forest.grow(cpu, None, &[], &[])?;
            forest.roots.push(root.next);
            forest.begun.push(root.span);
        }
        Ok(forest)
    }

    /// Returns how often a CPU was run to fill the trees.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Returns the CPUs, for other uses.
    pub fn cpus(&mut self) -> &mut C {
        &mut self.cpus
    }

    pub(crate) fn roots(&self) -> &[NodeId] {
        &self.roots
    }

    /// Returns what each CPU does before its first access.
    pub(crate) fn begun(&self) -> &[Span] {
        &self.begun
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node<C::End> {
        &self.nodes[id as usize]
    }

    pub(crate) fn initially(&self, word: Word) -> u64 {
        self.cpus.initially(word)
    }

    /// Returns the continuation if the read at `id` returns `value`.
    #[inline]
    pub(crate) fn after_read(
        &mut self,
        cpu: usize,
        id: NodeId,
        value: u64,
        memory: &[u64],
    ) -> Result<Child, C::Error> {
        if let Node::Read(Read { children, .. }) = &self.nodes[id as usize]
            && let Some(known) = children.iter().find(|child| child.value == value)
        {
            return Ok(*known);
        }
        self.grow_after(cpu, id, value, memory)
    }

    #[cold]
    fn grow_after(&mut self, cpu: usize, id: NodeId, value: u64, memory: &[u64]) -> Result<Child, C::Error> {
        let mut read = self.read_before(id);
        read.push(value);
        let child = self.grow(cpu, Some(id), &read, memory)?;
        if let Node::Read(Read { children, .. }) = &mut self.nodes[id as usize] {
            children.push(child);
        }
        Ok(child)
    }

    /// Returns the values that all reads before a read returned.
    fn read_before(&self, id: NodeId) -> Vec<u64> {
        let mut read = Vec::new();
        let mut at = id;
        while let Node::Read(Read { before: Some((before, value)), .. }) = self.node(at) {
            read.push(*value);
            at = *before;
        }
        read.reverse();
        read
    }

    /// Returns the number of nodes of all trees: about a hundred bytes each.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Runs a CPU with the values `read`, and adds the segment after the last of them, which the read `before`
    /// returned.
    fn grow(
        &mut self,
        cpu: usize,
        before: Option<NodeId>,
        read: &[u64],
        memory: &[u64],
    ) -> Result<Child, C::Error> {
        let Continuation { segment, further } = self.cpus.follow(cpu, read, memory)?;
        self.runs += 1;
        let (first, mut last) = self.attach(cpu, before, read, segment);
        let mut read = read.to_vec();
        for (value, segment) in further {
            // What follows a known read is known as well, or will be asked for.
            let Some(before) = last else { break };
            read.push(value);
            let child;
            (child, last) = self.attach(cpu, Some(before), &read, segment);
            if let Node::Read(Read { children, .. }) = &mut self.nodes[before as usize] {
                children.push(child);
            }
        }
        Ok(first)
    }

    /// Adds the segment after the reads `read`, and returns it as the child of the read `before`, with the read that
    /// it ends in if that is new.
    fn attach(
        &mut self,
        cpu: usize,
        before: Option<NodeId>,
        read: &[u64],
        segment: Segment<C::End>,
    ) -> (Child, Option<NodeId>) {
        let pc = |n: usize| segment.code.get(n).copied().unwrap_or(0);
        let has_ended = matches!(segment.then, NextAccess::End(_));
        // A CPU that makes no further access ends, and is in no section any more.
        let span = |n: usize| match segment.spans.get(n) {
            Some(span) if n < segment.stores.len() || !has_ended => *span,
            _ => Span::default(),
        };
        let mut new = None;
        let mut next = match segment.then {
            NextAccess::Read(word) => {
                let before = before.zip(read.last().copied());
                let stores = self.stores_by(before, &segment);
                let waits_while = segment
                    .state
                    .map_or_else(Box::default, |state| self.read_since(cpu, before, stores, state));
                // A CPU that waits is at a read of its own: how long it waits depends on how it came there.
                let identity =
                    segment.identity.filter(|_| waits_while.is_empty()).map(|identity| (cpu, identity));
                match identity.and_then(|identity| self.known.get(&identity)) {
                    Some(known) => *known,
                    None => {
                        let (depth, far_before) = self.far_before(before);
                        let node = self.add(Node::Read(Read {
                            word,
                            pc: pc(segment.stores.len()),
                            before,
                            depth,
                            far_before,
                            waits_while,
                            stores,
                            children: Vec::new(),
                        }));
                        if let Some(identity) = identity {
                            self.known.insert(identity, node);
                        }
                        if let Some(state) = segment.state {
                            self.in_state.entry((cpu, state)).or_default().push(node);
                        }
                        new = Some(node);
                        node
                    }
                }
            }
            NextAccess::End(end) => self.add(Node::End(end)),
        };
        for (n, (word, written)) in segment.stores.iter().enumerate().rev() {
            next =
                self.add(Node::Store { word: *word, pc: pc(n), written: *written, next, span: span(n + 1) });
        }
        let value = read.last().copied().unwrap_or(0);
        (Child { value, stored: segment.stored, next, span: span(0) }, new)
    }

    /// Returns how often a CPU has stored by the end of a segment; see [`Read::stores`].
    fn stores_by(&self, before: Option<(NodeId, u64)>, segment: &Segment<C::End>) -> usize {
        let earlier = match before.map(|(id, _)| self.node(id)) {
            Some(Node::Read(read)) => read.stores,
            _ => 0,
        };
        let changes = |written: MaskedStore| before.is_some_and(|(_, value)| written.over(value) != value);
        earlier + segment.stores.len() + usize::from(segment.stored.is_some_and(changes))
    }

    /// Returns the words and values read since the CPU was last in state `now` with as many stores; see
    /// [`Read::waits_while`].
    fn read_since(
        &self,
        cpu: usize,
        before: Option<(NodeId, u64)>,
        stores: usize,
        now: Fingerprint,
    ) -> Box<[(Word, u64)]> {
        let (Some((last, _)), Some(in_state)) = (before, self.in_state.get(&(cpu, now))) else {
            return Box::default();
        };
        let stored_as_often = |id: &NodeId| self.read(*id).is_some_and(|read| read.stores == stores);
        let before_now =
            in_state.iter().copied().filter(stored_as_often).filter(|id| self.is_before(*id, last));
        let Some(earlier) = before_now.max() else { return Box::default() };
        let mut since: Vec<(Word, u64)> = Vec::new();
        let reads = std::iter::successors(
            before,
            |(id, _)| {
                if *id == earlier { None } else { self.read(*id)?.before }
            },
        );
        for (id, value) in reads {
            let Some(Read { word, .. }) = self.read(id) else { break };
            match since.iter().find(|(known, _)| known == word) {
                None => since.push((*word, value)),
                Some((_, known)) if *known == value => {}
                // The word changed in this round. If it changes no more, the next round reads the same value
                // throughout.
                Some(_) => return Box::default(),
            }
        }
        since.into()
    }

    /// Whether a read is `last`, or one of those before it.
    fn is_before(&self, id: NodeId, last: NodeId) -> bool {
        let depth_of = |id: NodeId| self.read(id).map_or(0, |read| read.depth);
        let depth = depth_of(id);
        let mut at = last;
        while let Some(read) = self.read(at).filter(|read| read.depth > depth) {
            let far = depth_of(read.far_before) >= depth;
            at = match read.before {
                Some((before, _)) if !far => before,
                _ => read.far_before,
            };
        }
        at == id
    }

    /// Returns [`Read::depth`] and [`Read::far_before`] of a new read, by the one before it.
    ///
    /// The distances are those of Myers' applicative random-access stack: the number of steps to any earlier read is
    /// logarithmic.
    fn far_before(&self, before: Option<(NodeId, u64)>) -> (u32, NodeId) {
        let Some((before, read)) = before.and_then(|(id, _)| Some((id, self.read(id)?))) else {
            // The next node, which is this read.
            return (0, NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX));
        };
        let depth_of = |id: NodeId| self.read(id).map_or(0, |read| read.depth);
        let further = self.read(read.far_before).map_or(before, |far| far.far_before);
        let (near, far) = (depth_of(read.far_before), depth_of(further));
        let far_before = if read.depth - near == near - far { further } else { before };
        (read.depth + 1, far_before)
    }

    fn read(&self, id: NodeId) -> Option<&Read> {
        match self.node(id) {
            Node::Read(read) => Some(read),
            Node::Store { .. } | Node::End(_) => None,
        }
    }

    fn add(&mut self, node: Node<C::End>) -> NodeId {
        self.nodes.push(node);
        NodeId::try_from(self.nodes.len() - 1).expect("a tree of 2^32 nodes does not fit into memory")
    }
}
