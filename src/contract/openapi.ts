// The routes as an OpenAPI 3.1 document, from the same schemas that validate. docs/openapi.json is this, committed.
import { z } from 'zod'
import { ERRORS } from './errors.ts'
import { errorsOf, HEADERS, REQUEST_HEADERS, type RouteContract } from './route.ts'
import { ROUTES } from './routes.ts'
import { SCHEMAS, type SchemaName } from './schemas.ts'

type JsonObject = Record<string, unknown>

/** `serverUrl` is the base of every path: the address the reader knows the server by, without a slash at its end. */
export function buildOpenApi(version: string, serverUrl: string): JsonObject {
  const paths: Record<string, JsonObject> = {}
  for (const [operationId, route] of Object.entries<RouteContract>(ROUTES)) {
    if (route.undocumented) continue
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(operationId, route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'chatterbox-serverless',
      version,
      summary: 'Text to speech with voice cloning, self-hosted.',
      description:
        'Compatible with clients of the hosted `chatterbox-turbo-tts` model: change the base URL and the key. Every error is JSON with `error`, `code` and `request_id`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: serverUrl }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, jsonSchema(schema)])),
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
      ),
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'Counts if both are sent.' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The same key, for clients that send it this way.' },
        elevenLabs: {
          type: 'apiKey',
          in: 'header',
          name: 'xi-api-key',
          description: 'As ElevenLabs’ clients send it.',
        },
        operator: { type: 'http', scheme: 'bearer', description: 'The setting ADMIN_TOKEN.' },
      },
    },
  }
}

function operation(operationId: string, route: RouteContract): JsonObject {
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...(route.query ? queryParameters(route.query) : []),
    ...(route.headers ?? []).map((name) => ({
      name,
      in: 'header',
      description: REQUEST_HEADERS[name],
      schema: { type: 'string' },
    })),
  ]
  const security = {
    key: [{ apiKey: [] }, { bearer: [] }, { elevenLabs: [] }],
    operator: [{}, { operator: [] }],
    admin: [{ operator: [] }],
    anyone: [],
  }[route.access]
  return {
    operationId,
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    ...(route.access === 'admin' ? { tags: ['admin'] } : {}),
    security,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: requestBody(route.body) } : {}),
    responses: { ...successes(route), ...failures(route) },
  }
}

function requestBody({ schema, multipartFile }: NonNullable<RouteContract['body']>): JsonObject {
  const json = { 'application/json': { schema: reference(schema) } }
  if (multipartFile === undefined) return { required: true, content: json }
  const file = { type: 'string', contentMediaType: 'application/octet-stream' }
  const multipart =
    schema === 'Upload'
      ? { type: 'object', required: [multipartFile], properties: { [multipartFile]: { type: 'array', items: file } } }
      : {
          allOf: [
            reference(schema),
            { properties: { [multipartFile]: { description: 'A file, or text as in JSON.' } } },
          ],
        }
  return {
    required: true,
    content: { ...json, 'multipart/form-data': { schema: multipart } },
  }
}

function queryParameters(name: SchemaName): JsonObject[] {
  const { properties = {}, required = [] } = jsonSchema(SCHEMAS[name]) as {
    properties?: Record<string, JsonObject>
    required?: string[]
  }
  return Object.entries(properties).map(([parameter, { description, ...schema }]) => ({
    name: parameter,
    in: 'query',
    ...(required.includes(parameter) ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

function successes(route: RouteContract): JsonObject {
  const headers = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, { description, json, media, headers: names = [] }]) => {
      const bodies = json?.map(reference) ?? []
      const content = {
        ...Object.fromEntries((media ?? []).map((mediaType) => [mediaType, {}])),
        ...(bodies.length > 0
          ? { 'application/json': { schema: bodies.length === 1 ? bodies[0] : { anyOf: bodies } } }
          : {}),
      }
      const hasContent = Object.keys(content).length > 0
      return [status, { description, headers: headers(['x-request-id', ...names]), ...(hasContent ? { content } : {}) }]
    }),
  )
}

const ERROR_SCHEMAS = { ours: 'Error', openai: 'OpenAIError', elevenlabs: 'ElevenLabsError' } as const

/** One response per status; its description lists the codes behind it. */
function failures(route: RouteContract): JsonObject {
  const codes = errorsOf(route)
  const statuses = [...new Set(codes.map((code) => ERRORS[code].status))]
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: codes
          .filter((code) => ERRORS[code].status === status)
          .map((code) => `\`${code}\`: ${ERRORS[code].when}`)
          .join('\n\n'),
        headers: { 'x-request-id': { $ref: '#/components/headers/x-request-id' } },
        content: { 'application/json': { schema: reference(ERROR_SCHEMAS[route.errorShape ?? 'ours']) } },
      },
    ]),
  )
}

function reference(name: SchemaName): JsonObject {
  return { $ref: `#/components/schemas/${name}` }
}

function jsonSchema(schema: z.ZodType): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' })
  return rest
}
