//! Makes each test vector a seed of both targets, in `corpus/`.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["valid.json", "invalid.json"] {
        let vectors = fuzz.join("../vectors").join(file);
        println!("cargo::rerun-if-changed={}", vectors.display());
        let vectors: Vec<serde_json::Value> = serde_json::from_slice(&fs::read(vectors)?)?;
        for (index, vector) in vectors.iter().enumerate() {
            let stream = vector["stream"].as_str().ok_or("a vector without a stream")?;
            let stream = hex::decode(stream)?;
            seed(&fuzz.join("corpus/messages"), file, index, &stream)?;
            // The target `stream` reads from two bytes where it cuts.
            seed(&fuzz.join("corpus/stream"), file, index, &[&[3, 7][..], &stream].concat())?;
        }
    }
    Ok(())
}

fn seed(folder: &Path, file: &str, index: usize, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{file}-{index}")), bytes)
}
