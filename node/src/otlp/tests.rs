//! What a receiver gets, and what becomes of what it does not take.

use std::sync::Mutex;

use bothways_protocol::{SpanId, TraceId};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::queue::QUEUED;
use super::*;
use crate::exchange::{Direction, MethodText, Outcome};

fn record(attempt: u32) -> Record {
    Record {
        node: "hub".parse().unwrap(),
        dir: Direction::In,
        peer: "desk".parse().unwrap(),
        method: MethodText::foreign("people.get"),
        code: Outcome::Ok,
        started_us: 1_764_000_000_000_000,
        duration_us: 1,
        deadline_ms: 10_000,
        sent_bytes: 1,
        received_bytes: 1,
        trace_id: TraceId([1; 16]),
        span_id: SpanId([1; 8]),
        parent_id: None,
        key: None,
        attempt,
        events: None,
    }
}

/// A receiver that answers with these statuses, then always with the last one.
struct Receiver {
    endpoint: OtlpEndpoint,
    /// The bodies that it was sent, with what it answered.
    got: Arc<Mutex<Vec<(u16, Value)>>>,
    grown: watch::Receiver<usize>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (got, (grow, grown)) = (Arc::<Mutex<Vec<_>>>::default(), watch::channel(0));
        let bodies = got.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                while let Some(body) = request(&mut socket).await {
                    let count = bodies.lock().unwrap().len();
                    let status = statuses[count.min(statuses.len() - 1)];
                    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\n{{}}");
                    socket.write_all(answer.as_bytes()).await.unwrap();
                    bodies.lock().unwrap().push((status, body));
                    grow.send_modify(|count| *count += 1);
                }
            }
        });
        Self { endpoint, got, grown }
    }

    /// Waits until so many requests were answered: their statuses, and how many spans they had.
    async fn until(&mut self, count: usize) -> Vec<(u16, usize)> {
        let grown = self.grown.wait_for(|grown| *grown >= count);
        drop(timeout(Duration::from_secs(20), grown).await.unwrap().unwrap());
        let spans = |body: &Value| {
            body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len()
        };
        self.got.lock().unwrap().iter().map(|(status, body)| (*status, spans(body))).collect()
    }
}

/// One request of HTTP/1.1 with a length, if there is one more.
async fn request(socket: &mut TcpStream) -> Option<Value> {
    let mut text = Vec::new();
    loop {
        let head = text.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head {
            let lines = String::from_utf8(text[..head].to_vec()).unwrap();
            assert!(lines.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{lines}");
            assert!(lines.contains("content-type: application/json"), "{lines}");
            let length = lines.split("content-length: ").nth(1).unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if text.len() >= head + 4 + length {
                return serde_json::from_slice(&text[head + 4..]).ok();
            }
        }
        let mut part = vec![0; 64 * 1024];
        match socket.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => text.extend_from_slice(&part[..count]),
        }
    }
}

fn exporter(receiver: &Receiver) -> Exporter {
    Exporter::start(&"hub".parse().unwrap(), &receiver.endpoint).unwrap()
}

#[tokio::test]
async fn what_is_queued_is_sent_in_batches_and_the_rest_at_the_end() {
    let mut receiver = Receiver::start(&[200]).await;
    let exporter = exporter(&receiver);
    (0..1_300).for_each(|attempt| exporter.queue.take(&record(attempt)));
    exporter.end().await;
    let got = receiver.until(1).await;
    assert_eq!(got.iter().map(|(_, spans)| spans).sum::<usize>(), 1_300, "{got:?}");
    assert!(got.iter().all(|(_, spans)| *spans <= queue::BATCH), "{got:?}");
    let spans = &receiver.got.lock().unwrap()[0].1["resourceSpans"][0];
    assert_eq!(spans["resource"]["attributes"][0]["value"]["stringValue"], "hub");
}

#[tokio::test]
async fn what_a_receiver_cannot_take_now_is_sent_again_and_what_it_refuses_is_not() {
    let mut receiver = Receiver::start(&[503, 200, 400, 200]).await;
    let exporter = exporter(&receiver);
    exporter.queue.take(&record(1));
    assert_eq!(receiver.until(2).await, [(503, 1), (200, 1)]);
    exporter.queue.take(&record(2));
    receiver.until(3).await;
    exporter.queue.take(&record(3));
    exporter.queue.take(&record(4));
    let got = receiver.until(4).await;
    assert_eq!(got[2..], [(400, 1), (200, 2)]);
}

#[tokio::test]
async fn without_a_receiver_the_queue_is_bounded_and_the_end_does_not_wait_for_ever() {
    let nobody: OtlpEndpoint = "http://127.0.0.1:9".parse().unwrap();
    let exporter = Exporter::start(&"hub".parse().unwrap(), &nobody).unwrap();
    let many = u32::try_from(QUEUED).unwrap() + 2_000;
    (0..many).for_each(|attempt| exporter.queue.take(&record(attempt)));
    timeout(Duration::from_secs(20), exporter.end()).await.unwrap();
}

#[test]
fn what_finds_no_room_is_counted() {
    let queue = Queue::default();
    let many = u32::try_from(QUEUED).unwrap() + 7;
    (0..many).for_each(|attempt| TakeRecords::take(&queue, &record(attempt)));
    let taken = queue.next();
    assert_eq!((taken.records.len(), taken.dropped, taken.is_full), (queue::BATCH, 7, true));
    assert_eq!(queue.take_rest(), (QUEUED - queue::BATCH) as u64);
}
