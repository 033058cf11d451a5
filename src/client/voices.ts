// The voices of an account, and those that are built in.
import type { RemovedVoiceBody, VoiceBody, VoiceListBody } from '../contract/voices.ts'
import type { CallOptions, Connection } from './connection.ts'
import { bodyOf, type NewVoice, type VoiceChanges } from './parameters.ts'
import { readBytes, readJson } from './speech.ts'

export interface VoicePage extends CallOptions {
  /** `next` of the page before. */
  readonly before?: string | undefined
  /** Up to 100. */
  readonly limit?: number | undefined
}

export interface VoiceFile {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly mediaType: string
}

export interface Voices {
  /** Checks the recording and keeps the best of it. The same recording under the same name is the voice that is there. Takes what `export` gave. */
  create(voice: NewVoice, options?: CallOptions): Promise<VoiceBody>
  /** One page. */
  list(page?: VoicePage): Promise<VoiceListBody>
  /** All of them, page by page. */
  all(options?: CallOptions): AsyncGenerator<VoiceBody, void, void>
  find(id: string, options?: CallOptions): Promise<VoiceBody>
  /** Another name or description. */
  change(id: string, changes: VoiceChanges, options?: CallOptions): Promise<VoiceBody>
  delete(id: string, options?: CallOptions): Promise<RemovedVoiceBody>
  /** The recording that the voice is made from, to be heard. */
  preview(id: string, options?: CallOptions): Promise<VoiceFile>
  /** What is kept of the voice, to be added elsewhere. */
  export(id: string, options?: CallOptions): Promise<VoiceFile>
}

const PATH = 'v1/voices'
const PAGE = 100

export function createVoices(connection: Connection): Voices {
  const pathOf = (id: string, what = '') => `${PATH}/${encodeURIComponent(id)}${what}`
  const get = <T>(path: string, options: CallOptions, query = {}) =>
    connection.call({ method: 'GET', path, query, repeatable: true }, options, readJson<T>)
  const getFile = (path: string, options: CallOptions) =>
    connection.call({ method: 'GET', path, repeatable: true }, options, readFile)
  const voices: Voices = {
    create: (voice, options = {}) =>
      connection.call({ method: 'POST', path: PATH, ...bodyOf(voice), repeatable: true }, options, readJson<VoiceBody>),
    list: ({ before, limit, ...options } = {}) => get(PATH, options, { before, limit }),
    async *all(options = {}) {
      let before: string | undefined
      do {
        const page: VoiceListBody = await voices.list({ ...options, before, limit: PAGE })
        yield* page.voices
        before = page.next ?? undefined
      } while (before !== undefined)
    },
    find: (id, options = {}) => get(pathOf(id), options),
    change: (id, changes, options = {}) =>
      connection.call(
        { method: 'PATCH', path: pathOf(id), ...bodyOf(changes), repeatable: true },
        options,
        readJson<VoiceBody>,
      ),
    delete: (id, options = {}) =>
      connection.call({ method: 'DELETE', path: pathOf(id), repeatable: true }, options, readJson<RemovedVoiceBody>),
    preview: (id, options = {}) => getFile(pathOf(id, '/preview'), options),
    export: (id, options = {}) => getFile(pathOf(id, '/export'), options),
  }
  return voices
}

const readFile = async (response: Response): Promise<VoiceFile> => ({
  bytes: await readBytes(response),
  mediaType: response.headers.get('content-type') ?? '',
})
