// Checkpoint folder → bundle folder: every graph of the model, its tokenizer, its default voice, and a manifest with checksums.
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { version as packageVersion } from '../config.ts'
import {
  BUNDLE_FORMAT,
  type CheckedFile,
  DEFAULT_VOICE_FILE,
  hashFile,
  MANIFEST_FILE,
  type Manifest,
} from '../engine/bundle.ts'
import { readTokenizer, TOKENIZER_FILES } from '../engine/chatterbox/text/tokenizer.ts'
import { toVoice } from '../engine/chatterbox/voice/conditionals.ts'
import type { InstallableModel } from '../engine/installed-models.ts'
import { writeVoice } from '../engine/voice-file.ts'
import { CheckpointError } from './checkpoint/checkpoint-error.ts'
import { SafetensorsFile } from './checkpoint/safetensors.ts'
import {
  DEFAULT_VOICE_SOURCE,
  filesOf,
  LANGUAGE_MODEL_FILES,
  S3GEN_FILE,
  VOICE_ENCODER_FILE,
} from './checkpoint-files.ts'
import { readDefaultVoice } from './default-voice.ts'
import { modelGraphs } from './networks/model.ts'
import { saveGraph } from './onnx/save.ts'
import { demandReplaceable, linkVersion, replaceFolder } from './place-bundle.ts'
import type { Precision } from './quantize.ts'

export interface CompileOptions {
  /** Folder of the checkpoint. */
  readonly from: string
  /** Folder to make; a bundle that is there is replaced once the new one is complete. Anything else there is refused. */
  readonly to: string
  /** Make `to` a link to a folder named by the version, so that whoever uses the older one can go on with it. */
  readonly linked?: boolean
  /** Needed only where the folder holds both language models. */
  readonly model?: InstallableModel
  readonly precision: Precision
  /** Where the checkpoint came from, for the manifest. */
  readonly origin?: Manifest['origin']
  /** Tries the finished work folder before it replaces what is there; throws if it is no good. */
  readonly verify?: (folder: string) => Promise<void>
  /** Told before each step. */
  readonly onProgress?: (progress: CompileProgress) => void
}

export interface CompileProgress {
  /** The graph that is being made, `checksums`, or `self-test`. */
  readonly step: string
  readonly done: number
  readonly total: number
}

/** The largest a bundle has been, of what its checkpoint takes: Nano's, 0.79 in fp32 and 0.66 in int8; and some room. */
const SHARE_OF_CHECKPOINT: Readonly<Record<Precision, number>> = { fp32: 0.85, int8: 0.7, int4: 0.7 }

/** Compiles a checkpoint. Throws CheckpointError for anything wrong with it, NotABundleError for what must not be replaced, and leaves nothing behind when it fails or is aborted. */
export async function compileCheckpoint(options: CompileOptions, signal: AbortSignal): Promise<Manifest> {
  const { from, to } = options
  const model = options.model ?? (await findModel(from))
  const sources = await listSources(from, model)
  await demandReplaceable(path.resolve(to))
  const work = `${path.resolve(to)}.partial`
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    await demandSpace(from, sources, work, options.precision)
    const { ignored, dimensions, steps } = await compileGraphs(options, model, work, signal)
    for (const file of TOKENIZER_FILES)
      if (sources.includes(file)) await copyFile(path.join(from, file), path.join(work, file))
    await readTokenizer(work)
    const files = await hashAll(work, await readdir(work), signal)
    const version = contentVersion(files)
    if (sources.includes(DEFAULT_VOICE_SOURCE)) {
      const voice = readDefaultVoice(path.join(from, DEFAULT_VOICE_SOURCE), dimensions.voiceEncoder.embedding)
      await writeFile(path.join(work, DEFAULT_VOICE_FILE), writeVoice(toVoice(voice, { model, version })))
      files.push(...(await hashAll(work, [DEFAULT_VOICE_FILE], signal)))
    }
    const manifest: Manifest = {
      format: BUNDLE_FORMAT,
      model,
      precision: options.precision,
      version,
      compiledBy: `chatterbox-serverless ${packageVersion}`,
      files,
      sources: await hashAll(from, sources, signal),
      ...(options.origin && { origin: options.origin }),
      ignored: ignored.map((group) => ({ ...group, names: [...group.names] })),
    }
    await writeFile(path.join(work, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
    if (options.verify) {
      options.onProgress?.({ step: 'self-test', done: steps - 1, total: steps })
      await options.verify(work)
    }
    signal.throwIfAborted()
    if (options.linked) await linkVersion(work, path.resolve(to), version)
    else await replaceFolder(work, path.resolve(to))
    return manifest
  } catch (error) {
    await rm(work, { recursive: true, force: true })
    throw error
  }
}

/** Which model a checkpoint folder holds. Throws CheckpointError if none, or both. */
export async function findModel(folder: string): Promise<InstallableModel> {
  const present = await readdir(folder).catch((cause: unknown) => {
    throw new CheckpointError(folder, 'the folder cannot be read', { cause })
  })
  const models = (['turbo', 'nano'] as const).filter((model) => present.includes(LANGUAGE_MODEL_FILES[model]))
  const [model, other] = models
  const names = Object.values(LANGUAGE_MODEL_FILES).join(' or ')
  if (!model) throw new CheckpointError(folder, `holds no language model; expected ${names}`)
  if (other) throw new CheckpointError(folder, `holds both ${names}; say which model to compile`)
  return model
}

/** The files the model is compiled from; those it cannot do without must be there. */
async function listSources(folder: string, model: InstallableModel): Promise<string[]> {
  const { required, optional } = filesOf(model)
  const present = new Set(await readdir(folder))
  const missing = required.filter((name) => !present.has(name))
  if (missing.length > 0) throw new CheckpointError(folder, `lacks ${missing.join(', ')}`)
  return [...required, ...optional.filter((name) => present.has(name))]
}

/** Better said before a minute of work than in the middle of it. */
async function demandSpace(
  from: string,
  sources: readonly string[],
  folder: string,
  precision: Precision,
): Promise<void> {
  const sizes = await Promise.all(sources.map((name) => stat(path.join(from, name))))
  const needed = SHARE_OF_CHECKPOINT[precision] * sizes.reduce((sum, { size }) => sum + size, 0)
  const { bavail, bsize } = await statfs(folder)
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  if (needed > bavail * bsize)
    throw new CheckpointError(
      from,
      `compiling it needs ${gigabytes(needed)}, but only ${gigabytes(bavail * bsize)} are free in ${folder}`,
    )
}

async function compileGraphs(
  { from, precision, onProgress, verify }: CompileOptions,
  model: InstallableModel,
  work: string,
  signal: AbortSignal,
) {
  const open = (name: string) => new SafetensorsFile(path.join(from, name))
  using languageModel = open(LANGUAGE_MODEL_FILES[model])
  using voiceEncoder = open(VOICE_ENCODER_FILE)
  using s3gen = open(S3GEN_FILE)
  const graphs = modelGraphs({ languageModel, voiceEncoder, s3gen }, precision)
  const builders = Object.entries(graphs.builders)
  const total = builders.length + (verify ? 2 : 1)
  for (const [done, [name, build]] of builders.entries()) {
    onProgress?.({ step: name, done, total })
    // A graph takes seconds without a pause; between two of them an abort gets its turn.
    await setImmediate(undefined, { signal })
    saveGraph(build(), work)
  }
  onProgress?.({ step: 'checksums', done: builders.length, total })
  return { ignored: graphs.finish(), dimensions: graphs.dimensions, steps: total }
}

async function hashAll(folder: string, names: readonly string[], signal: AbortSignal): Promise<CheckedFile[]> {
  const files: CheckedFile[] = []
  for (const name of names.toSorted()) files.push(await hashFile(path.join(folder, name), signal))
  return files
}

const contentVersion = (files: readonly CheckedFile[]): string =>
  createHash('sha256')
    .update(files.map(({ name, sha256 }) => `${name} ${sha256}\n`).join(''))
    .digest('hex')
    .slice(0, 16)
