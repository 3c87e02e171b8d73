//! The objects that a kernel is linked of.

use std::path::Path;

/// The list: see its head.
const LIST: &str = include_str!("../../objects/list.txt");

/// Returns the objects for a tree with these options, in the order of the list. `folder` is the kernel's name of the
/// architecture.
pub(super) fn objects(source: &Path, folder: &str, is_set: impl Fn(&str) -> bool) -> Vec<String> {
    let of_architecture = format!("arch/{folder}/");
    let can_be = |object: &&str| {
        let is_ours = !object.starts_with("arch/") || object.starts_with(&of_architecture);
        is_ours && ["c", "S"].iter().any(|kind| source.join(format!("{object}.{kind}")).is_file())
    };
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let wanted = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let when = words.next()?;
        (when == "all" || when == folder || is_set(when)).then_some(words)
    });
    wanted.flatten().filter(can_be).map(|object| format!("{object}.o")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_those_of_the_options_and_the_architecture_that_the_tree_has() {
        let tree = tempfile::tempdir().unwrap();
        for file in
            ["mm/gup.c", "mm/huge_memory.c", "mm/debug.c", "arch/arm64/mm/mmu.c", "arch/s390/kernel/entry.S"]
        {
            let path = tree.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let of = |folder, options: &'static [&str]| {
            objects(tree.path(), folder, |option| options.contains(&option))
        };
        assert_eq!(
            of("arm64", &["TRANSPARENT_HUGEPAGE"]),
            ["mm/gup.o", "arch/arm64/mm/mmu.o", "mm/huge_memory.o"]
        );
        assert_eq!(of("s390", &["DEBUG_VM"]), ["mm/gup.o", "arch/s390/kernel/entry.o", "mm/debug.o"]);
    }
}
