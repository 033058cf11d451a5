// Pages for people, and the OpenAPI document: made per request only because the reader's address stands in them.
import { version } from '../../config.ts'
import { buildOpenApi } from '../../contract/openapi.ts'
import { docsPage, type PageFacts } from '../pages/docs-page.ts'
import { sendPage } from '../pages/html.ts'
import { publicUrl } from '../public-url.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function showDocs(services: Services): Handler {
  return async (request, reply) =>
    sendPage(reply, 'API · chatterbox-serverless', docsPage(await facts(services, request)))
}

export function showOpenApi({ config }: Services): Handler {
  return async (request, reply) =>
    reply.header('cache-control', 'no-cache').send(buildOpenApi(version, publicUrl(config, request)))
}

async function facts({ config, findModel }: Services, request: Parameters<typeof publicUrl>[1]): Promise<PageFacts> {
  return { baseUrl: publicUrl(config, request), version, model: await findModel() }
}
