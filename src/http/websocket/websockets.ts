// Speech over WebSockets: where they open, who may open how many, and how they end. The only door to @fastify/websocket.
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import { CLOSE_CODES, MAX_MESSAGE_BYTES } from '../../contract/websocket.ts'
import { AppError, describeError } from '../../errors.ts'
import { findCaller, takeApiKey } from '../authenticate.ts'
import type { Services } from '../services.ts'
import { closeCodeOf } from './close-code.ts'
import { Connection } from './connection.ts'
import { ElevenLabsProtocol } from './elevenlabs-protocol.ts'
import { OurProtocol } from './our-protocol.ts'
import type { Protocol, ProtocolDeps } from './protocol.ts'

const PROTOCOLS: Readonly<Record<string, new (deps: ProtocolDeps) => Protocol>> = {
  '/v1/speech/ws': OurProtocol,
  '/v1/text-to-speech/:voice_id/stream-input': ElevenLabsProtocol,
}
/** For the other side to say goodbye too, when the server stops. */
const GOODBYE_MS = 1000

export function addWebSockets(app: FastifyInstance, services: Services): void {
  const open = new Map<string, number>()
  app.register(websocket, {
    options: { maxPayload: MAX_MESSAGE_BYTES },
    errorHandler: (_error, socket) => socket.terminate(),
    preClose(done) {
      for (const client of this.websocketServer.clients) {
        client.close(CLOSE_CODES.stopping, 'the server stops')
        setTimeout(() => client.terminate(), GOODBYE_MS).unref()
      }
      this.websocketServer.close()
      done()
    },
  })
  app.register(async (scope) => {
    for (const [url, Protocol] of Object.entries(PROTOCOLS)) {
      scope.route({
        method: 'GET',
        url,
        exposeHeadRoute: false,
        // A key in a header is looked at before the connection opens; without one, the first message has it.
        onRequest: (request) => takeApiKey(services.db, request),
        handler: async () => {
          throw new AppError('malformed_request', 'This path takes WebSockets alone: connect to it with ws: or wss:.')
        },
        wsHandler: (socket, request) => serve(services, socket, request, Protocol, open),
      })
    }
  })
}

function serve(
  services: Services,
  socket: WebSocket,
  request: FastifyRequest,
  Protocol: new (deps: ProtocolDeps) => Protocol,
  open: Map<string, number>,
): void {
  request.isUpgraded = true
  const end = async (error: AppError): Promise<void> => {
    request.failureCode = error.code
    await protocol.refuse(error).catch(() => {})
    connection.close(closeCodeOf(error), error.code)
  }
  const connection = new Connection(socket, {
    idleMs: services.config.WEBSOCKET_IDLE_SECONDS * 1000,
    isBusy: () => protocol.session?.isBusy ?? false,
    onIdle: () => connection.close(CLOSE_CODES.idle, 'nothing was said for too long'),
    hasStarted: () => protocol.session !== undefined,
    onNeverStarted: () => void end(new AppError('missing_api_key', KNOWN_TEXTS.missingApiKey)),
  })
  const authenticate = createAuthenticate(services, request, connection, open)
  const protocol = new Protocol({ services, request, connection, authenticate })
  let isOver = false
  let work = Promise.resolve()
  const take = async (data: Buffer, isBinary: boolean): Promise<void> => {
    if (isOver) return
    try {
      connection.touch()
      if ((await protocol.receive(parse(data, isBinary))) !== 'end') return
      isOver = true
      void finish(protocol, connection)
    } catch (error) {
      isOver = true
      if (!connection.gone.aborted) await end(toRefusal(error, request))
    }
  }
  // One after the other: the first one may take a look into the database.
  socket.on('message', (data, isBinary) => {
    work = work.then(() => take(data as Buffer, isBinary))
  })
  connection.gone.addEventListener('abort', () => protocol.session?.cancel(), { once: true })
}

async function finish(protocol: Protocol, connection: Connection): Promise<void> {
  await protocol.session?.done()
  await protocol.end().catch(() => {})
  connection.close(1000, '')
}

/** Counts a connection to its key as long as it is open. */
function createAuthenticate(
  { db, config }: Services,
  request: FastifyRequest,
  connection: Connection,
  open: Map<string, number>,
): ProtocolDeps['authenticate'] {
  return async (key) => {
    const caller = request.caller ?? (key ? await findCaller(db, key) : undefined)
    if (!caller) throw new AppError('missing_api_key', KNOWN_TEXTS.missingApiKey)
    request.caller = caller
    connection.gone.throwIfAborted()
    const { apiKeyId } = caller
    const others = open.get(apiKeyId) ?? 0
    if (others >= config.MAX_WEBSOCKETS_PER_KEY) {
      throw new AppError('overloaded', `This key has ${others} WebSockets open, as many as it may.`)
    }
    open.set(apiKeyId, others + 1)
    connection.gone.addEventListener(
      'abort',
      () => {
        const left = (open.get(apiKeyId) ?? 1) - 1
        if (left > 0) open.set(apiKeyId, left)
        else open.delete(apiKeyId)
      },
      { once: true },
    )
    return caller
  }
}

function parse(data: Buffer, isBinary: boolean): Record<string, unknown> {
  let value: unknown
  try {
    value = isBinary ? undefined : JSON.parse(data.toString('utf8'))
  } catch {
    value = undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new AppError('invalid_json', 'Every message must be a JSON object, as text.')
}

function toRefusal(error: unknown, request: FastifyRequest): AppError {
  if (error instanceof AppError && error.code !== 'internal') return error
  request.log.error({ error: describeError(error) }, 'a WebSocket failed')
  return new AppError('internal', 'Something went wrong on our side; the log has the cause under this request id.')
}
