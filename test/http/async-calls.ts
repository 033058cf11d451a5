// The asynchronous API as its callers use it, over a scratch application.
import { setTimeout as sleep } from 'node:timers/promises'
import type { LightMyRequestResponse } from 'fastify'
import type { SubmittedRequest } from '../../src/contract/requests.ts'
import type { ScratchApp } from './scratch-app.ts'

export const SUBMIT_URL = '/v2/chatterbox-turbo-tts'
const DEADLINE_MS = 20_000

export function asyncCalls({ app, account }: ScratchApp) {
  const submit = (body: unknown, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
    app.inject({
      method: 'POST',
      url: SUBMIT_URL,
      headers: { 'x-api-key': account.key, 'content-type': 'application/json', ...headers },
      payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    })
  const get = (url: string, key = account.key) => app.inject({ url, headers: { 'x-api-key': key } })
  const getStatus = (id: string, query = '', key = account.key) => get(`/v2/requests/${id}/status${query}`, key)
  return {
    submit,
    get,
    getStatus,
    getResult: (id: string, query = '', key = account.key) => get(`/v2/requests/${id}${query}`, key),
    getPoll: (id: string, query = '', key = account.key) => get(`/v1/requests/${id}${query}`, key),
    cancel: (id: string, key = account.key) =>
      app.inject({ method: 'DELETE', url: `/v2/requests/${id}`, headers: { 'x-api-key': key } }),
    submitOk: async (body: unknown, headers: Record<string, string> = {}): Promise<SubmittedRequest> => {
      const response = await submit(body, headers)
      if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${response.body}`)
      return response.json()
    },
    /** The status once it is the wanted one. */
    reaches: async (id: string, wanted: string, withinMs = DEADLINE_MS): Promise<LightMyRequestResponse> => {
      const deadline = performance.now() + withinMs
      for (;;) {
        const response = await getStatus(id)
        if (response.json().status === wanted) return response
        if (performance.now() > deadline) throw new Error(`${wanted} is not reached: ${response.body}`)
        await sleep(20)
      }
    },
  }
}
