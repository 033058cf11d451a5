// A compiled model on disk: a folder of graphs, tokenizer files and a manifest that names and checks them all. Written by compile/compile.ts.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { AppError } from '../errors.ts'

export const MANIFEST_FILE = 'manifest.json'
/** A voice in the engine's own format (voice-file.ts); a bundle may lack it. */
export const DEFAULT_VOICE_FILE = 'default-voice.safetensors'
/** Raised when an older reader could not use what is written. */
export const BUNDLE_FORMAT = 2

const fileName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/)
const checkedFile = z.strictObject({
  name: fileName,
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

const manifestSchema = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  model: z.enum(['turbo', 'nano']),
  precision: z.enum(['fp32', 'int8', 'int4']),
  /** Differs whenever a graph or the tokenizer does: part of every key under which voices and outputs are kept. */
  version: z.string().regex(/^[0-9a-f]{16}$/),
  compiledBy: z.string(),
  /** Everything in the folder but the manifest. */
  files: z.array(checkedFile),
  /** The checkpoint it was compiled from. */
  sources: z.array(checkedFile),
  /** Where the checkpoint was downloaded; a folder of somebody's own has none. */
  origin: z.strictObject({ repository: z.string(), commit: z.string() }).optional(),
  /** Tensors of the checkpoint that no graph uses, and why. */
  ignored: z.array(z.strictObject({ source: fileName, reason: z.string(), names: z.array(z.string()) })),
})

export type Manifest = z.infer<typeof manifestSchema>
export type CheckedFile = z.infer<typeof checkedFile>

/** A bundle that cannot be used. The message is for the person who runs the server and says what to do. */
export class BundleError extends Error {
  constructor(folder: string, problem: string, options: ErrorOptions = {}) {
    super(`The compiled model in ${folder} cannot be used: ${problem}. Compile or pull it again.`, options)
    this.name = 'BundleError'
  }
}

/** What a caller is told when the bundle on disk is no longer the one that was loaded. */
export const modelReplaced = (): AppError =>
  new AppError('unavailable', 'The speech model was replaced while in use; the server has to be restarted.')

export interface Bundle {
  readonly folder: string
  readonly manifest: Manifest
  /** The path of a file that the manifest lists. */
  path(name: string): string
}

/** Reads the manifest and checks that every file is there in its full size, which takes no time; see verifyBundle for contents. */
export async function openBundle(folder: string): Promise<Bundle> {
  const manifest = await readManifest(folder)
  const names = new Set(manifest.files.map(({ name }) => name))
  for (const { name, bytes } of manifest.files) {
    const found = await stat(path.join(folder, name)).catch(() => undefined)
    if (!found) throw new BundleError(folder, `${name} is missing`)
    if (found.size !== bytes) throw new BundleError(folder, `${name} has ${found.size} bytes instead of ${bytes}`)
  }
  return {
    folder,
    manifest,
    path(name) {
      if (!names.has(name)) throw new BundleError(folder, `it has no ${name}`)
      return path.join(folder, name)
    },
  }
}

/** Compares the SHA-256 of every file with the manifest; about a second per gigabyte. Throws BundleError naming the first that differs. */
export async function verifyBundle({ folder, manifest }: Bundle, signal: AbortSignal): Promise<void> {
  for (const { name, sha256 } of manifest.files) {
    const found = await hashFile(path.join(folder, name), signal)
    if (found.sha256 !== sha256) throw new BundleError(folder, `${name} is damaged (its SHA-256 differs)`)
  }
}

/** Size and SHA-256 of a file, read once, a piece at a time. */
export async function hashFile(file: string, signal: AbortSignal): Promise<CheckedFile> {
  const hash = createHash('sha256')
  let bytes = 0
  await pipeline(
    createReadStream(file, { highWaterMark: 1 << 20 }),
    async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        bytes += chunk.length
        hash.update(chunk)
      }
    },
    { signal },
  )
  return { name: path.basename(file), bytes, sha256: hash.digest('hex') }
}

async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(path.join(folder, MANIFEST_FILE), 'utf8').catch((cause: unknown) => {
    throw new BundleError(folder, `it has no ${MANIFEST_FILE}`, { cause })
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new BundleError(folder, `its ${MANIFEST_FILE} is not JSON`, { cause })
  }
  const parsed = manifestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BundleError(folder, `its ${MANIFEST_FILE} is not valid (${issue?.path.join('.')}: ${issue?.message})`)
}
