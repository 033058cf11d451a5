// One file of a model hub (the Hugging Face protocol): what it is, and its bytes, resumed where an earlier download ended and checked.
// https://huggingface.co/docs/hub/en/api#get-apimodelsrepoidresolverevisionfilename; headers as huggingface_hub reads them (file_download.py).
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { HubError } from './hub-error.ts'
import { type RetryOptions, sendWithRetries, TransferError } from './retries.ts'

export interface HubRepository {
  /** Origin of the hub, without a slash at the end. */
  readonly endpoint: string
  /** `owner/name`. */
  readonly repository: string
  /** Branch, tag or commit. */
  readonly revision: string
  /** Sent to the hub only, never to the storage it redirects to. */
  readonly token?: string | undefined
}

export interface HubFile {
  readonly name: string
  readonly bytes: number
  /** SHA-256 of a large file; small ones are known by the SHA-1 of git. */
  readonly checksum: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string }
  /** The commit that the revision stands for. */
  readonly commit: string | undefined
}

const MAX_REDIRECTS = 5

/** What the hub knows of a file, or undefined where the repository has none of that name. */
export async function describeHubFile(
  repository: HubRepository,
  name: string,
  retries: RetryOptions,
  signal: AbortSignal,
): Promise<HubFile | undefined> {
  let url = fileUrl(repository, name)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const init: RequestInit = { method: 'HEAD', redirect: 'manual', headers: headersFor(repository) }
    const response = await sendWithRetries(() => fetch(url, { ...init, signal }), retries, signal)
    if (response.status === 404) return undefined
    if (response.status >= 400) throw refusal(repository, name, response.status)
    const next = redirectWithin(url, response)
    if (!next) return readDescription(repository, name, response)
    url = next
  }
  throw new HubError(`${repository.endpoint} redirects ${repository.repository}/${name} in circles.`)
}

/** A renamed repository redirects on the hub itself; to the storage behind it, the answer has said all there is to know before. */
function redirectWithin(url: URL, response: Response): URL | undefined {
  const location = response.headers.get('location')
  if (response.status < 300 || !location) return undefined
  const target = new URL(location, url)
  return target.origin === url.origin && !response.headers.has('x-linked-etag') ? target : undefined
}

function readDescription(repository: HubRepository, name: string, { headers }: Response): HubFile {
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '')
  const bytes = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN)
  const kind = /^[0-9a-f]{64}$/.test(etag) ? 'sha256' : /^[0-9a-f]{40}$/.test(etag) ? 'git-sha1' : undefined
  if (!kind || !Number.isSafeInteger(bytes))
    throw new HubError(`${repository.endpoint} gives no size and checksum of ${name}; it is not downloaded unchecked.`)
  return { name, bytes, checksum: { kind, hex: etag }, commit: headers.get('x-repo-commit') ?? undefined }
}

/**
 * Downloads a file into the folder unless it is there already, whole and unchanged. Unfinished downloads are kept as `NAME.part` and
 * continued. Throws HubError when the hub refuses or what arrived is not what was announced.
 */
export async function downloadHubFile(
  repository: HubRepository,
  file: HubFile,
  folder: string,
  options: RetryOptions & { readonly onProgress?: (bytes: number) => void },
  signal: AbortSignal,
): Promise<void> {
  const target = path.join(folder, file.name)
  const part = `${target}.part`
  if ((await sizeOf(target)) === file.bytes && (await matches(target, file, signal))) {
    options.onProgress?.(file.bytes)
    return
  }
  if ((await sizeOf(part)) > file.bytes) await rm(part)
  if ((await sizeOf(part)) < file.bytes)
    await sendWithRetries(() => receive(repository, file, part, options, signal), options, signal)
  if (!(await matches(part, file, signal))) {
    await rm(part)
    throw new HubError(`${file.name} arrived damaged (its checksum differs) and was deleted; try again.`)
  }
  await rename(part, target)
}

/** One request; appends to what is there. A connection that breaks keeps what has arrived. */
async function receive(
  repository: HubRepository,
  file: HubFile,
  part: string,
  { onProgress }: { readonly onProgress?: (bytes: number) => void },
  signal: AbortSignal,
): Promise<Response> {
  const begin = Math.max(0, await sizeOf(part))
  const headers = headersFor(repository)
  if (begin > 0) headers.range = `bytes=${begin}-`
  const response = await fetch(fileUrl(repository, file.name), { headers, signal })
  if (response.status === 429 || response.status >= 500) return response
  if (response.status === 416) {
    await rm(part)
    throw new TransferError(`${file.name} cannot be continued at byte ${begin}`)
  }
  if (response.status !== 200 && response.status !== 206) throw refusal(repository, file.name, response.status)
  const continues = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${begin}-`)
  await using output = await open(part, continues ? 'a' : 'w')
  let bytes = continues ? begin : 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > file.bytes) throw new HubError(`${file.name} is longer than the hub said; it is not trusted.`)
      await output.write(chunk)
      onProgress?.(bytes)
    }
  } catch (cause) {
    if (cause instanceof HubError || signal.aborted) throw cause
    throw new TransferError(`the connection broke after ${bytes} bytes of ${file.name}`, bytes > begin, { cause })
  }
  if (bytes < file.bytes)
    throw new TransferError(`${file.name} ended after ${bytes} of ${file.bytes} bytes`, bytes > begin)
  return response
}

const sizeOf = async (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => -1,
  )

async function matches(file: string, { bytes, checksum }: HubFile, signal: AbortSignal): Promise<boolean> {
  const hash = createHash(checksum.kind === 'sha256' ? 'sha256' : 'sha1')
  if (checksum.kind === 'git-sha1') hash.update(`blob ${bytes}\0`)
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash, { signal })
  return hash.digest('hex') === checksum.hex
}

const fileUrl = ({ endpoint, repository, revision }: HubRepository, name: string): URL =>
  new URL(`${endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${encodeURIComponent(name)}`)

/** `identity`: a size and a range are of the file itself, not of its compressed form. */
const headersFor = ({ token }: HubRepository): Record<string, string> => ({
  'accept-encoding': 'identity',
  ...(token ? { authorization: `Bearer ${token}` } : {}),
})

function refusal({ endpoint, repository, token }: HubRepository, name: string, status: number): HubError {
  if (status === 401 || status === 403) {
    const advice = token ? 'the token in HF_TOKEN may not read it' : 'it may need a token: set HF_TOKEN'
    return new HubError(`${endpoint} refuses ${repository}/${name} (${status}); ${advice}.`)
  }
  return new HubError(`${endpoint} answered ${status} to a request for ${repository}/${name}.`)
}
