//! Content within limits, byte by byte and second by second.

use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::*;

const IDLE: Duration = Duration::from_secs(10);

/// What the client sends, as long as it is not gone.
struct Feed(mpsc::UnboundedReceiver<&'static str>);

impl Body for Feed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.poll_recv(context).map(|text| text.map(|text| Ok(Frame::data(Bytes::from(text)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_closed() && self.0.is_empty()
    }
}

struct Upload {
    client: mpsc::UnboundedSender<&'static str>,
    content: Limited<Feed>,
    metrics: Arc<Metrics>,
}

impl Upload {
    fn of(most: u64) -> Self {
        let (client, feed) = mpsc::unbounded_channel();
        let metrics = Arc::new(Metrics::default());
        Self { client, content: Limited::new(Feed(feed), most, IDLE, Arc::clone(&metrics)), metrics }
    }

    fn sends(&self, text: &'static str) {
        self.client.send(text).unwrap();
    }

    /// What the application gets next: some text, `None` for the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.content.frame().await.transpose().map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    /// How often a limit was counted.
    fn counted(&self, limit: &str) -> usize {
        let text = self.metrics.render();
        let name = format!("cognito_auth_proxy_limits_reached_total{{limit=\"{limit}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn exactly_the_limit_passes() {
    let mut upload = Upload::of(10);
    for text in ["01234", "", "56789"] {
        upload.sends(text);
        assert_eq!(upload.next().await.unwrap().unwrap(), text);
    }
    drop(std::mem::replace(&mut upload.client, mpsc::unbounded_channel().0));
    assert_eq!(upload.next().await.unwrap(), None);
    assert_eq!(upload.counted("body_size"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_byte_more_is_broken_off_and_nothing_of_it_passes() {
    let mut upload = Upload::of(9);
    upload.sends("01234");
    upload.sends("56789");
    drop(std::mem::replace(&mut upload.client, mpsc::unbounded_channel().0));
    upload.next().await.unwrap();
    let (began, broken) = (Instant::now(), upload.next().await);
    assert!(matches!(broken, Err(BodyError::TooLarge)), "{broken:?}");
    assert_eq!(began.elapsed(), NOTICE);
    assert!(upload.content.body.is_end_stream() && !upload.content.is_end_stream(), "it does not look whole");
    assert_eq!((upload.counted("body_size"), upload.counted("body_idle")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_is_waited_for_so_long_and_no_longer() {
    let mut upload = Upload::of(u64::MAX);
    let began = Instant::now();
    assert!(matches!(upload.next().await, Err(BodyError::Idle)));
    assert_eq!(began.elapsed(), IDLE + NOTICE);
    assert_eq!((upload.counted("body_size"), upload.counted("body_idle")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_slowly_is_waited_for_however_long_it_takes() {
    let mut upload = Upload::of(u64::MAX);
    for _ in 0..1000 {
        let asked = tokio::time::timeout(IDLE - Duration::from_millis(1), upload.next()).await;
        assert!(asked.is_err(), "nothing came yet");
        upload.sends("x");
        assert_eq!(upload.next().await.unwrap().unwrap(), "x");
        assert!(upload.content.timer.is_none(), "nobody is waited for");
    }
    assert_eq!(upload.content.progress.last_moved(), Instant::now());
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nobody_asks_for_content_does_not_count() {
    let mut upload = Upload::of(u64::MAX);
    upload.sends("x");
    upload.next().await.unwrap();
    tokio::time::advance(IDLE * 100).await;
    let began = Instant::now();
    assert!(matches!(upload.next().await, Err(BodyError::Idle)));
    assert_eq!(began.elapsed(), IDLE + NOTICE, "a whole time from when it was asked for");
}

#[tokio::test(start_paused = true)]
async fn a_pause_under_an_answer_is_none_of_ours_until_the_answer_has_ended() {
    let mut upload = Upload::of(u64::MAX);
    let answering = upload.content.progress.clone().answering();
    assert!(tokio::time::timeout(IDLE * 100, upload.next()).await.is_err(), "both sides may speak at a time");
    upload.sends("x");
    assert_eq!(upload.next().await.unwrap().unwrap(), "x");
    drop(answering);
    assert!(matches!(upload.next().await, Err(BodyError::Idle)));
}

#[tokio::test(start_paused = true)]
async fn too_much_content_does_not_break_off_the_answer_that_is_under_way() {
    let mut upload = Upload::of(1);
    upload.sends("too long");
    let answering = upload.content.progress.clone().answering();
    assert!(tokio::time::timeout(IDLE / 2, upload.next()).await.is_err(), "the answer may end");
    drop(answering);
    assert!(matches!(upload.next().await, Err(BodyError::TooLarge)));
    assert_eq!(upload.counted("body_size"), 1);
}

#[tokio::test(start_paused = true)]
async fn nor_is_an_answer_without_end_an_excuse_for_it() {
    let mut upload = Upload::of(1);
    upload.sends("too long");
    let _answering = upload.content.progress.clone().answering();
    let began = Instant::now();
    assert!(matches!(upload.next().await, Err(BodyError::TooLarge)));
    assert_eq!(began.elapsed(), IDLE);
}
