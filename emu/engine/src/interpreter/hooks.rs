//! Hooks of the interpreter.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::memory::PAGE;
use crate::Engine;
use crate::hook::{Accesses, OnAccess, OnBlock, OnCode, OnException, OnUnmapped};

/// A hook on instructions.
pub(super) struct CodeHook {
    number: usize,
    first: u64,
    last: u64,
    then: OnCode,
}

impl CodeHook {
    pub(super) fn call(&self, engine: &dyn Engine, pc: u64) {
        (self.then)(engine, pc);
    }
}

/// A hook on accesses.
struct AccessHook {
    number: usize,
    accesses: Accesses,
    first: u64,
    last: u64,
    then: OnAccess,
}

/// The hooks on accesses to a page.
type OfPage = Rc<[Rc<AccessHook>]>;

/// A list of hooks, which can grow while they are called.
type List<T> = RefCell<Rc<[(usize, Rc<T>)]>>;

/// All hooks.
#[derive(Default)]
pub(super) struct Hooks {
    next: Cell<usize>,
    code: RefCell<Vec<Rc<CodeHook>>>,
    accesses: RefCell<Vec<Rc<AccessHook>>>,
    /// Those of each page that was accessed.
    of_pages: RefCell<FxHashMap<u64, OfPage>>,
    blocks: List<OnBlock>,
    unmapped: List<OnUnmapped>,
    exceptions: List<OnException>,
}

fn add<T>(list: &List<T>, number: usize, then: T) {
    let longer = list.borrow().iter().cloned().chain([(number, Rc::new(then))]).collect();
    list.replace(longer);
}

fn remove<T>(list: &List<T>, number: usize) {
    let shorter = list.borrow().iter().filter(|(known, _)| *known != number).cloned().collect();
    list.replace(shorter);
}

/// Calls each hook of a list.
fn call<T>(list: &List<T>, with: impl Fn(&T)) {
    let hooks = Rc::clone(&list.borrow());
    hooks.iter().for_each(|(_, hook)| with(hook));
}

impl Hooks {
    fn number(&self) -> usize {
        let number = self.next.get();
        self.next.set(number + 1);
        number
    }

    pub(super) fn add_code(&self, first: u64, last: u64, then: OnCode) -> usize {
        let number = self.number();
        let hook = CodeHook { number, first, last, then };
        self.code.borrow_mut().push(Rc::new(hook));
        number
    }

    pub(super) fn add_access(&self, accesses: Accesses, first: u64, last: u64, then: OnAccess) -> usize {
        let number = self.number();
        let hook = AccessHook { number, accesses, first, last, then };
        self.accesses.borrow_mut().push(Rc::new(hook));
        self.of_pages.borrow_mut().clear();
        number
    }

    pub(super) fn add_block(&self, then: OnBlock) -> usize {
        let number = self.number();
        add(&self.blocks, number, then);
        number
    }

    pub(super) fn add_unmapped(&self, then: OnUnmapped) -> usize {
        let number = self.number();
        add(&self.unmapped, number, then);
        number
    }

    pub(super) fn add_exception(&self, then: OnException) -> usize {
        let number = self.number();
        add(&self.exceptions, number, then);
        number
    }

    /// Removes the hook with a number. If none has it, nothing happens.
    pub(super) fn remove(&self, number: usize) {
        self.code.borrow_mut().retain(|hook| hook.number != number);
        self.accesses.borrow_mut().retain(|hook| hook.number != number);
        self.of_pages.borrow_mut().clear();
        remove(&self.blocks, number);
        remove(&self.unmapped, number);
        remove(&self.exceptions, number);
    }

    /// Returns the hooks on the instruction at `pc`.
    pub(super) fn code_at(&self, pc: u64) -> Vec<Rc<CodeHook>> {
        let is_hooked = |hook: &&Rc<CodeHook>| (hook.first..=hook.last).contains(&pc);
        self.code.borrow().iter().filter(is_hooked).cloned().collect()
    }

    pub(super) fn block(&self, engine: &dyn Engine, start: u64, bytes: u32) {
        call(&self.blocks, |then| then(engine, start, bytes));
    }

    pub(super) fn unmapped(&self, engine: &dyn Engine, address: u64, size: usize) {
        call(&self.unmapped, |then| then(engine, address, size));
    }

    pub(super) fn exception(&self, engine: &dyn Engine, number: u32) {
        call(&self.exceptions, |then| then(engine, number));
    }

    /// Whether an access to a page calls a hook.
    pub(super) fn is_hooked(&self, page: u64) -> bool {
        !self.of_page(page).is_empty()
    }

    /// Calls the hooks on an access: those whose range has its first byte.
    pub(super) fn access(&self, engine: &dyn Engine, address: u64, size: usize, store: Option<u64>) {
        for hook in &*self.of_page(address / PAGE) {
            let is_hooked = match hook.accesses {
                Accesses::All => true,
                Accesses::Loads => store.is_none(),
                Accesses::Stores => store.is_some(),
            };
            if is_hooked && (hook.first..=hook.last).contains(&address) {
                (hook.then)(engine, address, size, store);
            }
        }
    }

    /// Returns the hooks on accesses to a page.
    fn of_page(&self, page: u64) -> OfPage {
        if let Some(hooks) = self.of_pages.borrow().get(&page) {
            return Rc::clone(hooks);
        }
        let (first, last) = (page * PAGE, page * PAGE + (PAGE - 1));
        let of_page = |hook: &&Rc<AccessHook>| hook.first <= last && hook.last >= first;
        let hooks: OfPage = self.accesses.borrow().iter().filter(of_page).cloned().collect();
        self.of_pages.borrow_mut().insert(page, Rc::clone(&hooks));
        hooks
    }
}
