//! Hostile texts and names are shown as text: live, rendered by the server, and in a form.

use super::{TEXT, sari_alone};
use crate::kit::{Browser, WsClient};

/// Each would set `owned`, add an element or a link, or compute something, if it were interpreted.
const TEXTS: [&str; 14] = [
    "<script>owned=1</script>",
    "<img src=x onerror=owned=1>",
    "<svg/onload=owned=1>",
    "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
    "</textarea></li></ol><script>owned=1</script>",
    "\"><input autofocus onfocus=owned=1>",
    "' onmouseover='owned=1",
    "<a href=javascript:owned=1>tekan</a>",
    "javascript:owned=1//https://a.id",
    "data:text/html,<script>owned=1</script>",
    "{{7*7}} ${7*7} {%7*7%} #{7*7} <%=7*7%>",
    "&lt;b&gt; &#60;i&#62; &amp;amp;",
    "<!-- --><style>body{display:none}</style>",
    "https://a.id/\"onclick=\"owned=1",
];
const NAMES: [&str; 5] = ["<b>tebal</b>", "\"><svg/onload=owned=1>", "{{7*7}}", "'onclick='owned=1", "&lt;i&gt;"];

/// Counts what only interpreted markup could have created.
const FOREIGN: &str = "return [window.owned === undefined, \
    document.querySelectorAll('#timeline :is(script, img, svg, iframe, input, style, b, i), #members :is(script, svg, b, i)').length, \
    Array.from(document.links, a => a.protocol).filter(p => p !== 'https:' && p !== location.protocol).length, \
    document.querySelectorAll('[onclick], [onmouseover], [onload], [onerror], [onfocus]').length]";

#[tokio::test]
async fn hostile_texts_and_names_are_text_live_and_reloaded() {
    let (cluster, sari) = sari_alone().await;
    let mut clients = Vec::new();
    for name in NAMES {
        let http_client = cluster.http_client(0);
        let response = http_client.sign_in(name).await;
        // The server may refuse a name; one that it accepts is shown.
        if response.status == 303 {
            clients.push(WsClient::connect_and_join(&http_client).await);
        } else {
            response.is(422);
        }
    }
    assert!(!clients.is_empty(), "the server refuses every such name");
    for (n, text) in TEXTS.iter().enumerate() {
        let speaker = n % clients.len();
        clients[speaker].send_acked(text).await;
    }
    sari.shows(TEXT, TEXTS[TEXTS.len() - 1]).await;
    is_all_text(&sari).await;
    sari.reload().await;
    sari.shows("#members", "tebal").await;
    is_all_text(&sari).await;
}

#[tokio::test]
async fn hostile_name_in_the_form_comes_back_as_text() {
    let (cluster, _) = sari_alone().await;
    let stranger = Browser::start("id").await;
    for text in TEXTS {
        stranger.open(cluster.base(0)).await;
        // Too long for a name: the form comes back with it.
        let typed = format!("{text}{}", "x".repeat(40));
        let submit = "document.title = 'lama'; document.querySelector('#username').removeAttribute('maxlength'); \
            document.querySelector('#username').value = arguments[0]; document.querySelector('form[method=post]').submit()";
        stranger.script(submit, vec![typed.clone().into()]).await;
        let has_come = "return document.title !== 'lama' && document.readyState === 'complete'";
        stranger.comes_to(has_come, true).await;
        let shown = stranger.script("return document.querySelector('#username').value", vec![]).await;
        assert_eq!(shown, typed.as_str());
        assert_eq!(stranger.script("return window.owned === undefined", vec![]).await, true, "{text}");
    }
}

async fn is_all_text(page: &Browser) {
    let shown = page.texts(TEXT).await;
    assert_eq!(shown, TEXTS);
    assert_eq!(page.script(FOREIGN, vec![]).await, serde_json::json!([true, 0, 0, 0]));
}
