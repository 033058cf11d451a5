// Pieces that more than one page has.
import { html, type Markup } from './html.ts'

export function command(text: string): Markup {
  return html`<div class="command"><pre>${text}</pre><button class="copy" type="button">Copy</button></div>`
}

export function previewNotice(): Markup {
  return html`<p class="notice" role="note"><strong>Preview voice.</strong> No Chatterbox model is installed here, so a small embedded
synthesiser answers, tuned towards the pitch and colour of your recording. It is not Chatterbox and does not sound like it; every
answer says so with <code>x-model: preview</code>.</p>`
}
