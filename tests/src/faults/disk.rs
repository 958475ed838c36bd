//! A disk whose power can be cut: an ext4 image behind a loop device. What was not forced to it
//! when the power goes is gone, which killing a process never shows.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

const IMAGE_BYTES: u64 = 512 * 1024 * 1024;

/// Stops a process and shuts ext4 down without writing its log out (EXT4_IOC_SHUTDOWN with
/// EXT4_GOING_FLAGS_NOLOGFLUSH), at one moment: as the power takes both. A process that runs on
/// would see an fsync succeed that does not (ext4 does not report all that its shutdown undoes).
/// Calling the ioctl takes unsafe code, which there is none of here.
const CUT: &str = "import fcntl, os, signal, struct, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
os.kill(int(sys.argv[2]), signal.SIGSTOP)
fcntl.ioctl(disk, 0x8004587D, struct.pack('I', 2))";

/// A file system of its own, mounted while it has power.
pub(super) struct Disk {
    folder: TempDir,
    mounted: bool,
}

impl Disk {
    /// A new disk, mounted; where this machine does not allow it, says why.
    pub(super) async fn new() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("mounting a disk takes root".to_owned());
        }
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Self { folder, mounted: false };
        let image = std::fs::File::create(disk.image()).unwrap();
        image.set_len(IMAGE_BYTES).unwrap();
        std::fs::create_dir(disk.root()).unwrap();
        command("mkfs.ext4", ["-q".as_ref(), "-F".as_ref(), disk.image().as_path()]).await?;
        disk.mount().await?;
        Ok(disk)
    }

    /// The folder that is on it.
    pub(super) fn data(&self) -> PathBuf {
        self.root().join("store")
    }

    /// Takes the power from the disk, and from a process that uses it: that one stands still, and
    /// what was not forced to the disk is lost.
    pub(super) async fn cut(&self, process: u32) -> Result<(), String> {
        let (root, process) = (self.root(), process.to_string());
        command("python3", ["-c".as_ref(), CUT.as_ref(), root.as_path(), process.as_ref()]).await
    }

    /// Gives it power again: what is on it is read as after any power cut.
    pub(super) async fn mount_again(&mut self) -> Result<(), String> {
        command("umount", [self.root()]).await?;
        self.mounted = false;
        self.mount().await
    }

    async fn mount(&mut self) -> Result<(), String> {
        let (image, root) = (self.image(), self.root());
        command("mount", ["-o".as_ref(), "loop".as_ref(), image.as_path(), root.as_path()]).await?;
        self.mounted = true;
        Ok(())
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily: a server that was not killed may still hold it.
            let _ = std::process::Command::new("umount").arg("--lazy").arg(self.root()).status();
        }
    }
}

/// Runs a program of the system's, and tells what it says where it fails.
async fn command<A: AsRef<Path>>(
    name: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Result<(), String> {
    let mut command = Command::new(name);
    for argument in arguments {
        command.arg(argument.as_ref());
    }
    let output = command.stdin(Stdio::null()).output().await;
    let output = output.map_err(|error| format!("{name} cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
