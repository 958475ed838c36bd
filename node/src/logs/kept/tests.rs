//! What is kept of records, and what goes.

use super::*;
use crate::exchange::Log;

fn record(attempt: u32) -> Record {
    let line = format!(
        "{{\"node\":\"hub\",\"dir\":\"in\",\"peer\":\"desk\",\"method\":\"a.b\",\"code\":\"ok\",\
         \"started_us\":1,\"duration_us\":1,\"deadline_ms\":1,\"sent_bytes\":1,\
         \"received_bytes\":1,\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\
         \"span_id\":\"b7ad6b7169203331\",\"attempt\":{attempt},\
         \"target\":\"exchange\",\"message\":\"request\"}}\n"
    );
    Log::read(line.as_bytes()).unwrap().records.remove(0)
}

fn plan(folder: &Path, bytes: u64, time: Duration) -> KeptPlan {
    KeptPlan { folder: folder.join("exchange"), bytes, time }
}

const HOUR: Duration = Duration::from_hours(1);

/// Keeps records of these numbers, each written out at once.
fn keep(plan: &KeptPlan, numbers: std::ops::Range<u32>) -> usize {
    let mut kept = Kept::of(plan);
    for number in numbers {
        kept.write(&record(number));
        kept.flush();
    }
    kept.take_lost()
}

/// The numbers of the records that are kept, and how many lines were broken.
fn kept(plan: &KeptPlan) -> (Vec<u32>, u64) {
    let (mut numbers, mut broken) = (Vec::new(), 0);
    for (_, path) in listed(&plan.folder).unwrap() {
        let log = Log::read(fs::read(path).unwrap().as_slice()).unwrap();
        numbers.extend(log.records.iter().map(|record| record.attempt));
        broken += log.broken;
    }
    (numbers, broken)
}

fn bytes(plan: &KeptPlan) -> u64 {
    let files = listed(&plan.folder).unwrap();
    files.iter().map(|(_, path)| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn what_is_kept_reads_back_in_order_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 1 << 20, HOUR);
    assert_eq!(keep(&plan, 0..5) + keep(&plan, 5..9), 0);
    assert_eq!(kept(&plan), ((0..9).collect(), 0));
    assert_eq!(listed(&plan.folder).unwrap().len(), 1, "a restart begins no file of its own");
}

#[test]
fn the_oldest_go_where_there_are_too_many_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 65_536, HOUR);
    let mut writer = Kept::of(&plan);
    for number in 0..2_000 {
        writer.write(&record(number));
        writer.flush();
        assert!(bytes(&plan) <= plan.bytes, "{number}: {}", bytes(&plan));
    }
    let (numbers, broken) = kept(&plan);
    assert_eq!((numbers.last(), broken), (Some(&1_999), 0));
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "no gap: {numbers:?}");
    assert!(bytes(&plan) > plan.bytes / 2);
}

#[test]
fn what_is_too_old_goes_even_when_nothing_comes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 65_536, HOUR);
    keep(&plan, 0..3);
    let (_, path) = listed(&plan.folder).unwrap().remove(0);
    let old = SystemTime::now() - 2 * HOUR;
    File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
    Kept::of(&plan).rest();
    assert_eq!(kept(&plan), (Vec::new(), 0));
}

#[test]
fn a_torn_last_line_is_skipped_and_cut_off_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 1 << 20, HOUR);
    for torn in [b"{\"timestamp\":\"2026".as_slice(), &[0; 200_000]] {
        let _ = fs::remove_dir_all(&plan.folder);
        keep(&plan, 0..2);
        let (_, path) = listed(&plan.folder).unwrap().remove(0);
        File::options().append(true).open(&path).unwrap().write_all(torn).unwrap();
        assert_eq!(kept(&plan), (vec![0, 1], 1));
        keep(&plan, 2..4);
        assert_eq!(kept(&plan), (vec![0, 1, 2, 3], 0));
    }
}

#[test]
fn what_cannot_be_written_is_counted_and_nothing_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 1 << 20, HOUR);
    fs::write(&plan.folder, "in the way").unwrap();
    assert_eq!(keep(&plan, 0..7), 7);
    fs::remove_file(&plan.folder).unwrap();
    assert_eq!(keep(&plan, 0..1), 0);
}

#[test]
fn a_process_that_writes_nothing_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(folder.path(), 1 << 20, HOUR);
    let mut kept = Kept::of(&plan);
    kept.rest();
    assert!(!plan.folder.exists());
}
