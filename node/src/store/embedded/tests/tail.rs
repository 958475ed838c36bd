//! What is answered from memory is what the file says.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::*;
use crate::store::conformance::key;
use crate::store::{Expect, Write};

/// A write: of which key, and with how large a value; without one, a delete.
type Step = (u8, Option<usize>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sizes = prop_oneof![4 => 0_usize..40, 2 => Just(700_000)];
    vec((0_u8..6, proptest::option::weighted(0.8, sizes)), 1..40)
}

async fn write(store: &Embedded, (name, value): Step) {
    let name = key(&format!("{}.{name}", if name < 3 { "a" } else { "b" }));
    let kind = value.map_or(ChangeKind::Delete, |bytes| ChangeKind::Put(vec![1; bytes].into()));
    let write = Write {
        key: name,
        expect: Expect::Any,
        kind,
        index: Vec::new(),
        unindex: Vec::new(),
        once: None,
    };
    // A delete of what is not there is refused, and no change.
    let _ = store.write(write).await;
}

async fn compare(store: &Embedded) {
    let newest = store.newest().borrow().0;
    let prefixes = [Prefix::all(), Prefix::below(&key("a")), Prefix::below(&key("c"))];
    for after in 0..=newest + 1 {
        for prefix in &prefixes {
            for limit in [1, 3, 1000] {
                let file = store.view.snapshot().unwrap();
                let file = file.changes_after(Revision(after), prefix, limit);
                let told = store.changes_after(Revision(after), prefix, limit).await;
                match (file, told) {
                    (Ok(file), Ok(told)) => assert_eq!(file, told, "behind {after}"),
                    (file, told) => {
                        let (file, told) = (file.unwrap_err(), told.unwrap_err());
                        assert_eq!(file.to_string(), told.to_string(), "behind {after}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn memory_and_file_agree(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            // The oldest changes are trimmed, too.
            let bounds = StoreBounds { changes_bytes: 10_000_000, ..StoreBounds::default() };
            let store = Embedded::in_memory(&bounds).unwrap();
            for step in steps {
                write(&store, step).await;
            }
            compare(&store).await;
        });
    }
}
