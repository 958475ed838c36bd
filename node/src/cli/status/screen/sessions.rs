//! Sessions as a table: with less room it has fewer columns and narrower gaps.

use anstyle::Style;
use bothways::SessionStatus;
use bothways::exchange::draw::duration;

use super::super::words::{share, span};
use super::{Piece, Screen, bad, faint, plain, warning};
use crate::cli::bench::grouped;

/// A loss from which on it is shown as trouble, in thousandths.
const LOSS_PER_MILLE: u64 = 20;
/// What is left of a certificate when it is time to renew it.
const RENEW_S: u64 = 14 * 24 * 60 * 60;

struct Column {
    heading: &'static str,
    /// The highest ones are left out first; 0 stays.
    rank: u8,
    cell: fn(&SessionStatus, u64) -> Piece,
}

const COLUMNS: [Column; 11] = [
    Column { heading: "PEER", rank: 0, cell: peer },
    Column { heading: "ROLE", rank: 2, cell: |session, _| plain(session.role.clone()) },
    Column { heading: "DIALED", rank: 1, cell: |session, _| plain(session.dialed.clone()) },
    Column { heading: "ADDRESS", rank: 0, cell: |session, _| plain(session.address.clone()) },
    Column { heading: "RTT", rank: 0, cell: |session, _| plain(duration(session.round_trip_us)) },
    Column { heading: "LOST", rank: 3, cell: lost },
    Column { heading: "STREAMS", rank: 4, cell: |session, _| plain(grouped(session.streams)) },
    Column { heading: "OUT", rank: 5, cell: |session, _| plain(grouped(session.requests_out)) },
    Column { heading: "IN", rank: 5, cell: |session, _| plain(grouped(session.requests_in)) },
    Column { heading: "AGE", rank: 0, cell: |session, _| plain(span(session.age_s)) },
    Column { heading: "CERT", rank: 1, cell: certificate },
];

/// The table's lines.
pub(super) fn table(screen: &Screen, sessions: &[SessionStatus]) -> Vec<String> {
    let now_s = screen.now_ms / 1000;
    let heading = |column: &Column| (Style::new().bold(), column.heading.to_owned());
    let mut columns: Vec<_> = COLUMNS.iter().collect();
    let last_rank = COLUMNS.iter().map(|column| column.rank).max().unwrap_or_default();
    for rank in (0..=last_rank).rev() {
        // What nobody asked for goes before the gaps do.
        let gaps = if rank == last_rank { &[2][..] } else { &[2, 1] };
        for &gap in gaps {
            let mut rows = vec![columns.iter().map(|column| heading(column)).collect::<Vec<_>>()];
            rows.extend(sessions.iter().map(|session| {
                columns.iter().map(|column| (column.cell)(session, now_s)).collect()
            }));
            let widths = widths(&rows);
            let width = widths.iter().sum::<usize>() + gap * (widths.len() - 1);
            if width <= screen.width || (rank, gap) == (0, 1) {
                return rows.into_iter().map(|row| line(screen, row, &widths, gap)).collect();
            }
        }
        columns.retain(|column| column.rank < rank);
    }
    Vec::new()
}

fn widths(rows: &[Vec<Piece>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |nth: usize| rows.iter().map(|row| row[nth].1.chars().count()).max().unwrap_or(0);
    (0..columns).map(width).collect()
}

fn line(screen: &Screen, row: Vec<Piece>, widths: &[usize], gap: usize) -> String {
    let padded = row.into_iter().zip(widths).map(|((style, text), width)| {
        let blanks = " ".repeat(width + gap - text.chars().count());
        [(style, text), plain(blanks)]
    });
    screen.line(padded.flatten())
}

fn peer(session: &SessionStatus, _: u64) -> Piece {
    match session.draining {
        true => (faint(), format!("{} (drains)", session.peer)),
        false => plain(session.peer.clone()),
    }
}

fn lost(session: &SessionStatus, _: u64) -> Piece {
    let SessionStatus { lost_packets: lost, sent_packets: sent, .. } = *session;
    let much = lost.saturating_mul(1000) > sent.saturating_mul(LOSS_PER_MILLE);
    (if much { warning() } else { Style::new() }, share(lost, sent))
}

fn certificate(session: &SessionStatus, now_s: u64) -> Piece {
    match session.certificate_ends_unix_s.checked_sub(now_s) {
        None => (bad(), "ended".to_owned()),
        Some(left) if left < RENEW_S => (warning(), span(left)),
        Some(left) => plain(span(left)),
    }
}
