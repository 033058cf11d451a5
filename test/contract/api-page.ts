// docs/api.md: the routes for people who read in a repository; the running server has the same at /docs.
import { ERRORS } from '../../src/contract/errors.ts'
import { errorsOf, HEADERS, REQUEST_HEADERS, type RouteContract } from '../../src/contract/route.ts'
import { ROUTES } from '../../src/contract/routes.ts'
import { describeSchema, fieldsOf } from '../../src/contract/schema-facts.ts'

export function apiPage(): string {
  const documented = Object.values<RouteContract>(ROUTES).filter((route) => !route.undocumented)
  const [routes, adminRoutes] = [false, true].map((isAdmin) =>
    documented.filter((route) => (route.access === 'admin') === isAdmin),
  )
  return `<!-- Made from src/contract; a test compares. -->
# API

A running server shows this at \`/docs\` and as OpenAPI 3.1 at \`/openapi.json\`; the document is also [in this folder](openapi.json).
The API is that of the hosted \`chatterbox-turbo-tts\` model: its clients need only another base URL, which ends in \`/v1\`.

- Send the key as \`x-api-key\`, or as \`Authorization: Bearer\`; if both are sent, \`x-api-key\` counts.
- Every response carries an \`x-request-id\`, the errors included. Successes have status 200, every error is JSON: see [errors](errors.md).
- Only delivered speech is charged, once, by the character. Credits are US dollars.
- Pages of any origin may call the API: \`Access-Control-Allow-Origin\` is \`*\`, and the accounting headers are exposed. There are no cookies.
- \`x-model\` says which engine spoke. \`preview\` is the embedded stand-in, not Chatterbox.
- The commands below run as they stand, in a folder with a \`voice.wav\` of more than 5 seconds of one person speaking:

\`\`\`sh
BASE=http://localhost:8080
KEY=your-key
\`\`\`

${routes?.map(routeSection).join('\n')}
# For whoever runs the server

These routes need \`Authorization: Bearer\` with the setting [\`ADMIN_TOKEN\`](settings.md#admin_token), from the machine itself as well: behind a
proxy everybody comes from the machine itself. Without that setting they answer 403. \`chatterbox accounts\`, \`keys\`, \`credits\`, \`jobs\`,
\`workers\`, \`usage\` and \`audit\` do the same on the command line, with \`--json\` to the same JSON.

${adminRoutes?.map(routeSection).join('\n')}`
}

function routeSection(route: RouteContract): string {
  const access = { key: 'Needs a key.', operator: '', admin: 'Needs `ADMIN_TOKEN`.', anyone: 'Needs no key.' }[
    route.access
  ]
  const limited = route.rateLimited ? ' Takes one request from the rate limit of the key.' : ''
  return [
    `## ${route.method} ${route.path}\n`,
    `${[route.summary, route.description ?? ''].map(sentence).join('')}${access}${limited}`.trim(),
    ...(route.alsoAt ? [`Also at ${route.alsoAt.map((path) => `\`${path}\``).join(', ')}.`] : []),
    ...(route.curl ? [`\n\`\`\`sh\n${route.curl}\n\`\`\``] : []),
    ...(route.query
      ? [
          list(
            'After the `?`',
            fieldsOf(route.query).map(({ name, facts, description }) => [name, facts, description]),
          ),
        ]
      : []),
    ...(route.body ? [bodyPart(route.body)] : []),
    ...(route.headers
      ? [
          list(
            'Request headers',
            route.headers.map((name) => [name, '', REQUEST_HEADERS[name]]),
          ),
        ]
      : []),
    ...Object.entries(route.responses).map(([status, response]) => responsePart(status, response)),
    `\nErrors: ${errorsOf(route)
      .map((code) => `[\`${code}\`](errors.md#${code}) ${ERRORS[code].status}`)
      .join(', ')}.\n`,
  ].join('\n')
}

function bodyPart({ schema, multipartFile }: NonNullable<RouteContract['body']>): string {
  const rows = fieldsOf(schema).map(({ name, facts, description }) => [name, facts, description] as const)
  const file = multipartFile === undefined ? '' : `, or \`multipart/form-data\` with \`${multipartFile}\` as a file`
  const kinds = `\`application/json\`${file}`
  return `\nBody: ${kinds}. ${describeSchema(schema).description}\n${list('Parameters', rows)}`
}

function responsePart(
  status: string,
  { description, media, json, headers }: RouteContract['responses'][number],
): string {
  const kinds = [...(media ?? []), ...(json ? ['application/json'] : [])].map((kind) => `\`${kind}\``)
  const examples = (json ?? []).map((name) => {
    const { description: what, example } = describeSchema(name)
    return `\n${what}\n\n\`\`\`json\n${formatJson(example)}\n\`\`\``
  })
  return [
    `\n**${status}** ${description}${kinds.length > 0 ? ` ${kinds.join(', ')}.` : ''}`,
    ...(headers
      ? [
          list(
            'Headers',
            headers.map((name) => [name, '', HEADERS[name]]),
          ),
        ]
      : []),
    ...examples,
  ].join('\n')
}

/** As the formatter of this repository has it: a list of one short value stands on one line. */
function formatJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/\[\n\s+("[^"\n]*")\n\s+\]/g, '[$1]')
}

function sentence(text: string): string {
  return text === '' || /[.?]$/.test(text) ? text.replace(/.$/, '$& ') : `${text}. `
}

/** Lists rather than tables: a table is laid out anew whenever its longest cell changes. */
function list(title: string, rows: readonly (readonly [name: string, facts: string, description: string])[]): string {
  const lines = rows.map(([name, facts, text]) => `- \`${name}\`${facts ? ` (${facts})` : ''}: ${text}`)
  return ['', `${title}:`, '', ...lines].join('\n')
}
