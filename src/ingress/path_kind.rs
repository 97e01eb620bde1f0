//! How much content a path may take. A path that servers might read in two ways gets the smaller limit of both readings.

use super::spelling::{could_go_up, could_mean};
use crate::config::{BodyLimits, PathPrefix, SizeLimit};

/// The sizes of content by path.
#[derive(Debug)]
pub(super) struct SizesByPath {
    size: SizeLimit,
    upload_size: SizeLimit,
    uploads: Vec<PathPrefix>,
}

/// What a path is, as far as its content goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathKind {
    /// No upload, however it is read.
    Other,
    /// An upload to some servers.
    Unclear,
    /// An upload, however it is read.
    Upload,
}

impl SizesByPath {
    /// Takes what it needs of the configuration.
    pub(super) fn from_config(limits: &BodyLimits) -> Self {
        Self { size: limits.size, upload_size: limits.upload_size, uploads: limits.upload_paths.clone() }
    }

    /// The most content for `path`, as it stands in the request line without its query.
    pub(super) fn limit(&self, path: &str) -> SizeLimit {
        match self.kind(path) {
            PathKind::Other => self.size,
            PathKind::Unclear => smaller(self.size, self.upload_size),
            PathKind::Upload => self.upload_size,
        }
    }

    fn kind(&self, path: &str) -> PathKind {
        if self.uploads.iter().any(|upload| upload.strip(path).is_some()) {
            // `/upload/../page` is an upload to one server and a page to another.
            return if could_go_up(path) { PathKind::Unclear } else { PathKind::Upload };
        }
        if self.uploads.iter().any(|upload| could_mean(path, upload)) { PathKind::Unclear } else { PathKind::Other }
    }
}

const fn smaller(one: SizeLimit, other: SizeLimit) -> SizeLimit {
    match (one, other) {
        (SizeLimit::Bytes(a), SizeLimit::Bytes(b)) => SizeLimit::Bytes(if a < b { a } else { b }),
        (SizeLimit::Bytes(bytes), SizeLimit::Off) | (SizeLimit::Off, SizeLimit::Bytes(bytes)) => {
            SizeLimit::Bytes(bytes)
        }
        (SizeLimit::Off, SizeLimit::Off) => SizeLimit::Off,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sizes(size: SizeLimit, upload_size: SizeLimit) -> SizesByPath {
        let uploads = ["/upload", "/api/files"].map(|path| PathPrefix::parse(path).unwrap()).into();
        SizesByPath { size, upload_size, uploads }
    }

    fn kind(path: &str) -> PathKind {
        sizes(SizeLimit::Off, SizeLimit::Off).kind(path)
    }

    #[test]
    fn an_upload_is_at_or_under_its_path() {
        for path in ["/upload", "/upload/", "/upload/a/b", "/upload/a%20b.txt", "/upload/a;v=1", "/api/files/a..b/.c"] {
            assert_eq!(kind(path), PathKind::Upload, "{path}");
        }
        for path in
            ["/", "/page", "/uploads", "/api", "/api/file", "/x/upload", "/page;upload", "/upload.", "/%75ploads"]
        {
            assert_eq!(kind(path), PathKind::Other, "{path}");
        }
    }

    #[test]
    fn another_spelling_of_an_upload_or_a_way_out_of_one_is_unclear() {
        for path in [
            "/%75pload",
            "/%2575pload/x",
            "/upload%2fx",
            "//upload",
            "/./upload",
            "/page/../upload",
            "/page/%2e%2e/upload",
            "/upload;x=y",
            "/page\\..\\upload",
            "/api//files/x",
            "/page/..;/upload",
            "/upload/../page",
            "/upload/%2e%2e/page",
            "/upload/%252e./page",
            "/upload/..;x/page",
            "/upload/x\\..\\..\\page",
            "/upload/..",
            "/%2525252575pload",
        ] {
            assert_eq!(kind(path), PathKind::Unclear, "{path}");
        }
    }

    #[test]
    fn what_is_unclear_gets_the_smaller_limit_whichever_that_is() {
        let (small, large) = (SizeLimit::Bytes(10), SizeLimit::Bytes(1000));
        for (size, upload, unclear) in [
            (small, large, small),
            (large, small, small),
            (SizeLimit::Off, large, large),
            (small, SizeLimit::Off, small),
            (SizeLimit::Off, SizeLimit::Off, SizeLimit::Off),
        ] {
            let sizes = sizes(size, upload);
            assert_eq!(sizes.limit("/%75pload"), unclear);
            assert_eq!((sizes.limit("/page"), sizes.limit("/upload/x")), (size, upload));
        }
    }

    proptest! {
        #[test]
        fn only_what_begins_with_the_bytes_of_an_upload_path_gets_its_limit(path in "/[a-z/.%;\\\\25ef]{0,30}") {
            let begins = ["/upload", "/api/files"].iter().any(|upload| path.starts_with(upload));
            prop_assert!(begins || kind(&path) != PathKind::Upload);
        }

        #[test]
        fn a_path_of_plain_segments_is_never_unclear(path in "(/[a-z0-9_~-]{1,8}){1,4}") {
            prop_assert_ne!(kind(&path), PathKind::Unclear);
        }
    }
}
