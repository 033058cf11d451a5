// From a model's name to a bundle that the engine finds: pull the checkpoint, compile it, put it in its place.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { type Bundle, openBundle } from '../engine/bundle.ts'
import { bundleFolder, type InstallableModel } from '../engine/installed-models.ts'
import { type CompileProgress, compileCheckpoint } from './compile.ts'
import { type PullProgress, pullCheckpoint, REPOSITORIES } from './hub/pull.ts'
import type { Precision } from './quantize.ts'

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
  readonly onPull?: (progress: PullProgress) => void
  readonly onRetry?: (reason: string, waitMs: number) => void
  readonly onCompile?: (progress: CompileProgress) => void
}

/** Throws HubError or CheckpointError. A pull that was interrupted is continued by the next call. */
export async function installModel(options: InstallOptions, signal: AbortSignal): Promise<Bundle> {
  const { model, modelDir, precision, from, onCompile } = options
  const downloaded = path.join(modelDir, 'checkpoints', model)
  if (from === undefined) await pull(options, downloaded, signal)
  const to = bundleFolder(modelDir, model)
  const progress = onCompile && { onProgress: onCompile }
  await compileCheckpoint({ from: from ?? downloaded, to, model, precision, ...progress }, signal)
  if (from === undefined && !options.keepCheckpoint) await rm(downloaded, { recursive: true })
  return openBundle(to)
}

async function pull(
  { model, hub, onPull, onRetry }: InstallOptions,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const told = { ...(onPull && { onProgress: onPull }), ...(onRetry && { onRetry }) }
  await pullCheckpoint({ ...hub, ...told, repository: REPOSITORIES[model], model, folder }, signal)
}
