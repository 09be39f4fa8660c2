//! Which file systems an index must not lie on.

use std::path::Path;

/// The name of the network file system that `path` lies on, if it is one. Locks and memory maps of several
/// machines do not agree there. FUSE and 9p are let through: they may be local.
#[cfg(target_os = "linux")]
pub(crate) fn network(path: &Path) -> std::io::Result<Option<&'static str>> {
    Ok(name(u32::try_from(rustix::fs::statfs(path)?.f_type as u64 & 0xffff_ffff).unwrap_or_default()))
}

/// Other systems are not checked yet.
#[cfg(not(target_os = "linux"))]
pub(crate) fn network(_path: &Path) -> std::io::Result<Option<&'static str>> {
    Ok(None)
}

#[cfg(target_os = "linux")]
fn name(magic: u32) -> Option<&'static str> {
    // linux/magic.h, and those of file systems outside the kernel tree
    Some(match magic {
        0x6969 => "NFS",
        0x517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x564c => "NCP",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x7461_636f => "OCFS2",
        0x1983_0326 => "BeeGFS",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn nfs_is_refused_and_a_local_directory_is_not() {
        assert_eq!(name(0x6969), Some("NFS"));
        assert_eq!(name(0xef53), None);
        assert_eq!(network(&std::env::temp_dir()).unwrap(), None);
    }
}
