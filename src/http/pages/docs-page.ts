// The API for people: one page made from the routes of the contract, with the reader's own address in every command.
import { ERRORS } from '../../contract/errors.ts'
import { errorsOf, HEADERS, REQUEST_HEADERS, type RouteContract } from '../../contract/route.ts'
import { ROUTES } from '../../contract/routes.ts'
import { describeSchema, fieldsOf } from '../../contract/schema-facts.ts'
import type { SchemaName } from '../../contract/schemas.ts'
import { ERROR_CODES } from '../../errors.ts'
import { command, previewNotice } from './fragments.ts'
import { html, type Markup, prose } from './html.ts'

export interface PageFacts {
  readonly baseUrl: string
  readonly version: string
  readonly model: string
}

export function docsPage({ baseUrl, version, model }: PageFacts): Markup {
  const routes = Object.entries<RouteContract>(ROUTES).filter(
    ([, route]) => !route.undocumented && route.access !== 'admin', // those are in docs/api.md and in the OpenAPI document
  )
  return html`<div class="frame">
<header>
<h1>chatterbox-serverless API</h1>
<p class="lead">Text to speech with voice cloning · version ${version} · <a href="/openapi.json">OpenAPI 3.1</a></p>
</header>
${model === 'preview' ? previewNotice() : undefined}
<div class="columns">
<nav aria-label="Contents"><ul>
<li><a href="#start">Start here</a></li>
${routes.map(([name, route]) => html`<li><a href="#${name}"><span class="verb ${route.method}">${route.method}</span> ${shorten(route.path)}</a></li>`)}
<li><a href="#errors">Errors</a></li>
</ul></nav>
<main>
${startSection(baseUrl)}
${routes.map(([name, route]) => routeSection(name, route))}
${errorsSection()}
</main>
</div>
</div>`
}

function startSection(baseUrl: string): Markup {
  return html`<section id="start">
<h2>Start here</h2>
<p>${prose('Set the address and your key once; every command on this page then runs as it stands. `voice.wav` is a recording of more than 5 seconds of one person speaking.')}</p>
${command(`BASE=${baseUrl}\nKEY=your-key`)}
<p>${prose('Send the key as `x-api-key`, or as `Authorization: Bearer`. Clients of the hosted `chatterbox-turbo-tts` model need only another base URL: it ends in `/v1`.')}</p>
<p>${prose('Every response carries an `x-request-id`. Successes have status 200; every error is JSON. Only delivered speech is charged. Browsers of any origin may call the API.')}</p>
</section>`
}

function routeSection(name: string, route: RouteContract): Markup {
  const access = { key: 'API key', operator: 'this machine, or ADMIN_TOKEN', admin: 'ADMIN_TOKEN', anyone: 'no key' }[
    route.access
  ]
  return html`<section id="${name}">
<h2>${route.summary}</h2>
<div class="route"><span class="verb ${route.method}">${route.method}</span> <code class="path">${route.path}</code> <span class="tag">${access}</span>${route.rateLimited ? html` <span class="tag">rate-limited</span>` : undefined}</div>
${route.description ? html`<p>${prose(route.description)}</p>` : undefined}
${route.alsoAt ? html`<p>${prose(`Also at ${route.alsoAt.map((path) => `\`${path}\``).join(', ')}.`)}</p>` : undefined}
${route.curl ? command(route.curl) : undefined}
${route.query ? html`<h3>After the ?</h3>${schemaList(route.query)}` : undefined}
${route.body ? bodyPart(route.body) : undefined}
${route.headers ? html`<h3>Request headers</h3>${list(route.headers.map((header) => [header, undefined, REQUEST_HEADERS[header]]))}` : undefined}
<h3>Answers</h3>
${Object.entries(route.responses).map(([status, response]) => responsePart(status, response))}
${errorsPart(route)}
</section>`
}

function bodyPart({ schema, multipartFile }: NonNullable<RouteContract['body']>): Markup {
  const file = multipartFile === undefined ? '' : `, or \`multipart/form-data\` with \`${multipartFile}\` as a file`
  return html`<h3>Body</h3>
<p>${prose(`\`application/json\`${file}.`)}</p>
${schemaList(schema)}
${jsonExample(schema)}`
}

function schemaList(schema: SchemaName): Markup {
  return list(fieldsOf(schema).map(({ name, facts, description }) => [name, facts, description]))
}

function responsePart(
  status: string,
  { description, json, media, headers }: RouteContract['responses'][number],
): Markup {
  const types = [...(media ?? []), ...(json ? ['application/json'] : [])].map((type) => `\`${type}\``).join(', ')
  return html`<p><strong>${status}</strong> ${prose(description)} ${types ? prose(types) : undefined}</p>
${headers ? html`<details><summary>Headers</summary>${list(headers.map((header) => [header, undefined, HEADERS[header]]))}</details>` : undefined}
${json?.map(jsonExample)}`
}

function errorsPart(route: RouteContract): Markup {
  const codes = errorsOf(route).map((code) => html`<a href="#${code}"><code>${code}</code></a> `)
  return html`<p>Errors: ${codes}</p>`
}

function errorsSection(): Markup {
  const rows = ERROR_CODES.map((code) => {
    const { status, when, remedy } = ERRORS[code]
    return html`<div id="${code}"><dt><code>${code}</code><small>${status}</small></dt><dd>${prose(when)} <small>${prose(remedy)}</small></dd></div>`
  })
  return html`<section id="errors">
<h2>Errors</h2>
<p>${prose('`error` is for people, `code` is for programs and comes from this closed list, `param` names the field at fault where there is one. A request is checked in this order: path, verb, key, rate limit, content type, body, parameters, credits.')}</p>
${jsonExample('Error')}
<dl>${rows}</dl>
</section>`
}

function list(rows: readonly (readonly [name: string, facts: string | undefined, description: string])[]): Markup {
  return html`<dl>${rows.map(
    ([name, facts, description]) =>
      html`<div><dt><code>${name}</code>${facts ? html`<small>${facts}</small>` : undefined}</dt><dd>${prose(description)}</dd></div>`,
  )}</dl>`
}

function jsonExample(schema: SchemaName): Markup {
  const { description, example } = describeSchema(schema)
  return html`<details><summary>Example: ${prose(description)}</summary><pre>${JSON.stringify(example, null, 2)}</pre></details>`
}

/** Long paths do not fit the list of contents. */
function shorten(path: string): string {
  return path.replace(/^\/v1\/(?=.{16})/, '…/')
}
