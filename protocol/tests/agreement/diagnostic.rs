//! Streams as people read them: CBOR diagnostic notation (RFC 8949 §8, with `<< >>` of RFC 8610
//! §G.3 around what a byte string embeds, and `_0` to `_3` behind a head that is longer than needed).

/// The messages of a well-formed stream, with commas between them.
pub(crate) fn stream(bytes: &[u8]) -> String {
    let mut rest = Cursor(bytes);
    let mut messages = Vec::new();
    while !rest.0.is_empty() {
        let head = rest.head();
        let body = Cursor(rest.take(head.length())).item();
        messages.push(format!("<< {body} >>{}", head.indicator()));
    }
    messages.join(", ")
}

/// One well-formed item.
pub(crate) fn item(bytes: &[u8]) -> String {
    Cursor(bytes).item()
}

struct Cursor<'a>(&'a [u8]);

struct Head {
    major: u8,
    minor: u8,
    argument: u64,
}

impl Head {
    fn length(&self) -> usize {
        self.argument.try_into().unwrap()
    }

    fn is_indefinite(&self) -> bool {
        self.minor == 31
    }

    /// The mark of a head that is longer than its argument needs.
    fn indicator(&self) -> &'static str {
        let shortest = match self.argument {
            0..24 => 0,
            24..0x100 => 24,
            0x100..0x1_0000 => 25,
            0x1_0000..0x1_0000_0000 => 26,
            _ => 27,
        };
        match self.minor {
            24 if shortest < 24 => "_0",
            25 if shortest < 25 => "_1",
            26 if shortest < 26 => "_2",
            27 if shortest < 27 => "_3",
            _ => "",
        }
    }
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn head(&mut self) -> Head {
        let first = self.take(1)[0];
        let minor = first & 0x1f;
        let argument = match minor {
            0..24 => u64::from(minor),
            24..28 => {
                let digits = self.take(1 << (minor - 24));
                digits.iter().fold(0, |value, digit| value << 8 | u64::from(*digit))
            }
            _ => 0,
        };
        Head { major: first >> 5, minor, argument }
    }

    fn item(&mut self) -> String {
        let head = self.head();
        match head.major {
            0 => format!("{}{}", head.argument, head.indicator()),
            1 => format!("{}{}", -1 - i128::from(head.argument), head.indicator()),
            2 | 3 if head.is_indefinite() => format!("(_ {})", self.until_break().join(", ")),
            2 => format!("h'{}'", hex::encode(self.take(head.length()))),
            3 => {
                let text = std::str::from_utf8(self.take(head.length())).unwrap();
                serde_json::Value::from(text).to_string()
            }
            4 if head.is_indefinite() => format!("[_ {}]", self.until_break().join(", ")),
            4 => format!("[{}]", self.items(head.length()).join(", ")),
            5 if head.is_indefinite() => format!("{{_ {}}}", pairs(&self.until_break())),
            5 => format!("{{{}}}", pairs(&self.items(2 * head.length()))),
            6 => format!("{}({})", head.argument, self.item()),
            _ => simple(&head),
        }
    }

    fn items(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.item()).collect()
    }

    fn until_break(&mut self) -> Vec<String> {
        let mut items = Vec::new();
        while self.0[0] != 0xff {
            items.push(self.item());
        }
        self.take(1);
        items
    }
}

fn pairs(items: &[String]) -> String {
    let pairs: Vec<_> = items.chunks(2).map(|pair| pair.join(": ")).collect();
    pairs.join(", ")
}

fn simple(head: &Head) -> String {
    match (head.minor, head.argument) {
        (20, _) => "false".to_owned(),
        (21, _) => "true".to_owned(),
        (22, _) => "null".to_owned(),
        (23, _) => "undefined".to_owned(),
        (27, bits) => format!("{:?}_3", f64::from_bits(bits)),
        (minor @ (25 | 26), bits) => format!("float'{bits:x}'_{}", minor - 24),
        (_, value) => format!("simple({value})"),
    }
}
