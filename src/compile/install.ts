// From a model's name to a bundle that the engine finds: pull the checkpoint, compile it, put it in its place.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { type Bundle, type Manifest, openBundle } from '../engine/bundle.ts'
import { bundleFolder, type InstallableModel } from '../engine/installed-models.ts'
import { invariant } from '../errors.ts'
import type { Log } from '../log.ts'
import { type CompileOptions, type CompileProgress, compileCheckpoint } from './compile.ts'
import { type PullProgress, pullCheckpoint, REPOSITORIES } from './hub/pull.ts'
import type { Precision } from './quantize.ts'
import { type SelfTestReport, testModel } from './self-test.ts'

export interface InstallOptions {
  readonly model: InstallableModel
  readonly modelDir: string
  readonly precision: Precision
  readonly hub: {
    readonly endpoint: string
    readonly revision: string
    readonly token?: string | undefined
  }
  /** A checkpoint folder to compile instead of a download; it stays as it is. */
  readonly from?: string | undefined
  /** Keep the downloaded checkpoint, 3 GB, for compiling it again in another precision. */
  readonly keepCheckpoint?: boolean
  /** Of the self-test. */
  readonly engine: { readonly threads: number; readonly log: Log }
  readonly onPull?: (progress: PullProgress) => void
  readonly onRetry?: (reason: string, waitMs: number) => void
  readonly onCompile?: (progress: CompileProgress) => void
}

export interface Installed {
  readonly bundle: Bundle
  readonly selfTest: SelfTestReport
}

/**
 * Throws HubError, CheckpointError or SelfTestError; the model that was installed before is then still in its place. A pull that was
 * interrupted is continued by the next call.
 */
export async function installModel(options: InstallOptions, signal: AbortSignal): Promise<Installed> {
  const { model, modelDir, precision, from, onCompile } = options
  const downloaded = path.join(modelDir, 'checkpoints', model)
  const origin = from === undefined ? await pull(options, downloaded, signal) : undefined
  const to = bundleFolder(modelDir, model)
  const progress = onCompile && { onProgress: onCompile }
  const compiling = { from: from ?? downloaded, to, linked: true, model, precision, origin, ...progress }
  const { selfTest } = await compileAndTest(compiling, options.engine, signal)
  if (from === undefined && !options.keepCheckpoint) await rm(downloaded, { recursive: true })
  return { bundle: await openBundle(to), selfTest }
}

/**
 * Compiles a checkpoint and has the model speak before it takes the place of an older one. Throws CheckpointError or SelfTestError;
 * what was there before is then still there.
 */
export async function compileAndTest(
  options: Omit<CompileOptions, 'verify'>,
  engine: InstallOptions['engine'],
  signal: AbortSignal,
): Promise<{ readonly manifest: Manifest; readonly selfTest: SelfTestReport }> {
  let selfTest: SelfTestReport | undefined
  const verify = async (folder: string) => {
    selfTest = await testModel(folder, engine, signal)
  }
  const manifest = await compileCheckpoint({ ...options, verify }, signal)
  invariant(selfTest, 'a model was installed without its self-test')
  return { manifest, selfTest }
}

/** What was pulled: always one commit, which a branch or tag is resolved to first. */
async function pull(
  { model, hub, onPull, onRetry }: InstallOptions,
  folder: string,
  signal: AbortSignal,
): Promise<{ repository: string; commit: string }> {
  const told = { ...(onPull && { onProgress: onPull }), ...(onRetry && { onRetry }) }
  const repository = REPOSITORIES[model]
  const { commit } = await pullCheckpoint({ ...hub, ...told, repository, model, folder }, signal)
  return { repository, commit: commit ?? hub.revision }
}
