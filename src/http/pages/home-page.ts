// The front door: what this is and where to go.
import { ROUTES } from '../../contract/routes.ts'
import type { PageFacts } from './docs-page.ts'
import { command, previewNotice } from './fragments.ts'
import { html, type Markup } from './html.ts'

export function homePage({ baseUrl, version, model }: PageFacts): Markup {
  return html`<main class="home">
<h1>chatterbox-serverless</h1>
<p class="lead">Text to speech with voice cloning, on your own machine · version ${version}</p>
${model === 'preview' ? previewNotice() : undefined}
<p>It is running. With your key and a recording of a voice, this makes speech:</p>
${command(`BASE=${baseUrl}\nKEY=your-key\n${ROUTES.speak.curl}`)}
<p class="links"><a href="/docs">API documentation</a> <a href="/openapi.json">OpenAPI 3.1</a> <a href="/readyz">Status</a></p>
</main>`
}
